-- Tables and procedures in the shape of landlord_tenant_db, our own words: only what docs/examples/landlord-tenant.yaml uses.
CREATE TABLE user_tbl (user_id INT AUTO_INCREMENT PRIMARY KEY, full_name VARCHAR(100), phone_no VARCHAR(15), password VARCHAR(255));
CREATE TABLE user_role_tbl (role_id INT NOT NULL, user_id INT NOT NULL, PRIMARY KEY (role_id, user_id));
CREATE TABLE property_tbl (property_id INT AUTO_INCREMENT PRIMARY KEY, user_id INT NOT NULL, location VARCHAR(255), property_name VARCHAR(100));
CREATE TABLE unit_tbl (unit_id INT AUTO_INCREMENT PRIMARY KEY, user_id INT NOT NULL, property_id INT NOT NULL, rent INT NOT NULL);
CREATE TABLE lease_tbl (
  lease_id INT AUTO_INCREMENT PRIMARY KEY, lease_start_date DATE NOT NULL, lease_end_date DATE NOT NULL, unit_id INT NOT NULL, user_id INT NOT NULL,
  lease_status ENUM('Pending', 'Active', 'Terminated') DEFAULT 'Pending'
);
CREATE TABLE maintenance_tbl (
  request_id INT AUTO_INCREMENT PRIMARY KEY, unit_id INT NOT NULL, user_id INT NOT NULL, description VARCHAR(300), maintenance_start_date DATE,
  maintenance_end_date DATE, maintenance_status ENUM('Ongoing', 'Completed', 'Rejected') DEFAULT 'Ongoing'
);
CREATE PROCEDURE AddMaintenanceRequest (IN p_unit_id INT, IN p_user_id INT, IN p_description VARCHAR(300))
BEGIN
  INSERT INTO maintenance_tbl (unit_id, user_id, description, maintenance_start_date, maintenance_status)
    VALUES (p_unit_id, p_user_id, p_description, CURRENT_DATE, 'ongoing');
END;
CREATE PROCEDURE UpdateMaintenanceStatus (IN p_request_id INT, IN p_status ENUM('ongoing', 'completed', 'rejected'))
BEGIN
  UPDATE maintenance_tbl SET maintenance_status = p_status, maintenance_end_date = CURRENT_DATE WHERE request_id = p_request_id;
END;
CREATE DATABASE IF NOT EXISTS erpfuser;
CREATE TABLE IF NOT EXISTS erpfuser.command (command_id VARCHAR(64) PRIMARY KEY, results VARCHAR(2000));
INSERT INTO user_tbl (user_id, full_name, phone_no) VALUES (1, 'Lara Lord', '0917'), (2, ' Ana Maria Cruz', '0918'), (3, 'Cher', NULL);
INSERT INTO user_role_tbl VALUES (1, 1), (2, 2), (2, 3);
INSERT INTO property_tbl VALUES (1, 1, 'Lipa City', 'Sunset');
INSERT INTO unit_tbl VALUES (4, 2, 1, 8500);
INSERT INTO lease_tbl VALUES (1, '2026-01-01', '2026-12-31', 4, 2, 'Active'), (2, '2027-01-01', '2027-12-31', 4, 3, 'Pending');
INSERT INTO maintenance_tbl VALUES (41, 4, 2, 'Leaking faucet', '2026-03-01', NULL, 'Ongoing');
