-- Tables in the shape of GLPI 10's, our own words: only the columns that docs/examples/glpi.yaml uses.
SET time_zone = '+00:00';
CREATE TABLE glpi_locations (
  id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, name VARCHAR(255), locations_id INT UNSIGNED NOT NULL DEFAULT 0, level INT NOT NULL DEFAULT 0,
  address TEXT, postcode VARCHAR(255), town VARCHAR(255), room VARCHAR(255)
);
CREATE TABLE glpi_users (
  id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, name VARCHAR(255) UNIQUE, realname VARCHAR(255), firstname VARCHAR(255), phone VARCHAR(255),
  mobile VARCHAR(255), is_deleted TINYINT NOT NULL DEFAULT 0, date_mod TIMESTAMP NULL
);
CREATE TABLE glpi_useremails (
  id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, users_id INT UNSIGNED NOT NULL DEFAULT 0, is_default TINYINT NOT NULL DEFAULT 0, email VARCHAR(255)
);
CREATE TABLE glpi_profiles_users (
  id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, users_id INT UNSIGNED NOT NULL DEFAULT 0, profiles_id INT UNSIGNED NOT NULL DEFAULT 0
);
CREATE TABLE glpi_itilcategories (
  id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, itilcategories_id INT UNSIGNED NOT NULL DEFAULT 0, name VARCHAR(255), is_helpdeskvisible TINYINT NOT NULL DEFAULT 1
);
CREATE TABLE glpi_computers (
  id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, name VARCHAR(255), locations_id INT UNSIGNED NOT NULL DEFAULT 0, is_template TINYINT NOT NULL DEFAULT 0,
  is_deleted TINYINT NOT NULL DEFAULT 0, date_mod TIMESTAMP NULL
);
CREATE TABLE glpi_peripherals LIKE glpi_computers;
CREATE TABLE glpi_tickets (
  id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, name VARCHAR(255), date TIMESTAMP NULL, closedate TIMESTAMP NULL, date_mod TIMESTAMP NULL,
  status INT NOT NULL DEFAULT 1, type INT NOT NULL DEFAULT 1, priority INT NOT NULL DEFAULT 1, content LONGTEXT,
  itilcategories_id INT UNSIGNED NOT NULL DEFAULT 0, locations_id INT UNSIGNED NOT NULL DEFAULT 0, time_to_resolve TIMESTAMP NULL,
  is_deleted TINYINT NOT NULL DEFAULT 0, KEY (date_mod)
);
CREATE TABLE glpi_tickets_users (
  id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, tickets_id INT UNSIGNED NOT NULL DEFAULT 0, users_id INT UNSIGNED NOT NULL DEFAULT 0,
  type INT NOT NULL DEFAULT 1, KEY (tickets_id)
);
CREATE TABLE glpi_items_tickets (
  id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, itemtype VARCHAR(255), items_id INT UNSIGNED NOT NULL DEFAULT 0, tickets_id INT UNSIGNED NOT NULL DEFAULT 0,
  KEY (tickets_id)
);
CREATE TABLE glpi_itilfollowups (
  id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, itemtype VARCHAR(100) NOT NULL, items_id INT UNSIGNED NOT NULL DEFAULT 0, date TIMESTAMP NULL,
  users_id INT UNSIGNED NOT NULL DEFAULT 0, content LONGTEXT, is_private TINYINT NOT NULL DEFAULT 0, date_mod TIMESTAMP NULL, date_creation TIMESTAMP NULL
);
CREATE DATABASE IF NOT EXISTS erpfuser;
CREATE TABLE IF NOT EXISTS erpfuser.command (command_id VARCHAR(64) PRIMARY KEY, results VARCHAR(2000));
INSERT INTO glpi_locations (id, name, locations_id, level, address, postcode, town, room) VALUES
  (1, 'Parkstraße', 0, 1, 'Parkstraße 1-9', '20095', 'Hamburg', NULL), (2, 'Haus 3', 1, 2, NULL, NULL, NULL, NULL), (3, '3.OG links', 2, 3, NULL, NULL, NULL, '3L');
INSERT INTO glpi_users (id, name, realname, firstname, phone, is_deleted) VALUES
  (7, 'mueller', 'Müller', 'Änne', '040 123', 0), (8, 'ldap-only', '', NULL, '', 0), (9, 'gone', 'Weg', NULL, NULL, 1), (10, 'tech', 'Wart', 'Hans', NULL, 0);
INSERT INTO glpi_useremails (users_id, is_default, email) VALUES (7, 0, 'second@example.com'), (7, 1, 'anne@example.com');
INSERT INTO glpi_profiles_users (users_id, profiles_id) VALUES (7, 1), (10, 6), (10, 4);
INSERT INTO glpi_itilcategories VALUES (1, 0, 'Heating', 1), (2, 1, 'Radiator', 0);
INSERT INTO glpi_computers (id, name, locations_id) VALUES (5, 'Door panel', 3);
INSERT INTO glpi_peripherals (id, name, locations_id, is_deleted) VALUES (5, 'Boiler', 3, 0), (6, 'Scrapped', 3, 1);
INSERT INTO glpi_tickets (id, name, date, date_mod, status, type, priority, content, itilcategories_id, locations_id, is_deleted) VALUES
  (100, 'Cold radiator', '2026-01-12 08:30:00', '2026-01-12 08:30:00', 2, 1, 5, '&#60;p&#62;No heat &#38;amp; no water&#60;/p&#62;', 2, 3, 0),
  (101, NULL, '2026-01-13 08:30:00', '2026-01-13 08:30:00', 1, 2, 3, NULL, 0, 1, 0),
  (102, 'Deleted', '2026-01-13 08:30:00', '2026-01-13 08:30:00', 1, 2, 3, NULL, 0, 0, 1);
INSERT INTO glpi_tickets_users (tickets_id, users_id, type) VALUES (100, 7, 1), (100, 10, 2);
INSERT INTO glpi_items_tickets (itemtype, items_id, tickets_id) VALUES ('Peripheral', 5, 100), ('Software', 5, 101);
INSERT INTO glpi_itilfollowups (id, itemtype, items_id, date, content, is_private) VALUES
  (1, 'Ticket', 100, '2026-01-12 09:00:00', '&#60;p&#62;On the way&#60;/p&#62;', 0), (2, 'Ticket', 100, '2026-01-12 09:10:00', 'Again her', 1), (3, 'Change', 100, NULL, 'x', 0);
