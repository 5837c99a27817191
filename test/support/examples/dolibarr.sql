-- Tables in the shape of Dolibarr's, our own words: the columns that config/presets/dolibarr.yaml uses, and those that an insert must fill.
SET time_zone = '+00:00';
CREATE TABLE llx_societe (
  rowid INT AUTO_INCREMENT PRIMARY KEY, entity INT NOT NULL DEFAULT 1, nom VARCHAR(128), code_client VARCHAR(24), client TINYINT DEFAULT 0, fournisseur TINYINT DEFAULT 0,
  address VARCHAR(255), zip VARCHAR(25), town VARCHAR(50), phone VARCHAR(20), email VARCHAR(128),
  tms TIMESTAMP DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP
);
CREATE TABLE llx_socpeople (
  rowid INT AUTO_INCREMENT PRIMARY KEY, entity INT NOT NULL DEFAULT 1, fk_soc INT, civility VARCHAR(6), lastname VARCHAR(50), firstname VARCHAR(50), address VARCHAR(255),
  zip VARCHAR(25), town VARCHAR(255), birthday DATE, phone VARCHAR(30), phone_perso VARCHAR(30), phone_mobile VARCHAR(30), email VARCHAR(255),
  statut TINYINT NOT NULL DEFAULT 1, tms TIMESTAMP DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP
);
CREATE TABLE llx_user (
  rowid INT AUTO_INCREMENT PRIMARY KEY, entity INT NOT NULL DEFAULT 1, login VARCHAR(50) NOT NULL, firstname VARCHAR(50), lastname VARCHAR(50), email VARCHAR(255),
  statut TINYINT DEFAULT 1, tms TIMESTAMP DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP
);
CREATE TABLE llx_c_ticket_category (rowid INT AUTO_INCREMENT PRIMARY KEY, entity INT DEFAULT 1, code VARCHAR(32) NOT NULL, label VARCHAR(128) NOT NULL, active INT DEFAULT 1);
CREATE TABLE llx_c_type_contact (
  rowid INT PRIMARY KEY, element VARCHAR(30) NOT NULL, source VARCHAR(8) NOT NULL DEFAULT 'external', code VARCHAR(32) NOT NULL, UNIQUE (element, source, code)
);
CREATE TABLE llx_element_contact (
  rowid INT AUTO_INCREMENT PRIMARY KEY, datecreate DATETIME, statut SMALLINT DEFAULT 5, element_id INT NOT NULL, fk_c_type_contact INT NOT NULL,
  fk_socpeople INT NOT NULL, UNIQUE (element_id, fk_c_type_contact, fk_socpeople)
);
CREATE TABLE llx_ticket (
  rowid INT AUTO_INCREMENT PRIMARY KEY, entity INT DEFAULT 1, ref VARCHAR(128) NOT NULL, track_id VARCHAR(128) NOT NULL, fk_soc INT DEFAULT 0, fk_user_create INT,
  fk_user_assign INT, subject VARCHAR(255), message MEDIUMTEXT, fk_statut INT, progress INT DEFAULT 0, type_code VARCHAR(32), category_code VARCHAR(32),
  severity_code VARCHAR(32), datec DATETIME, date_close DATETIME, notify_tiers_at_create TINYINT,
  tms TIMESTAMP DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, UNIQUE uk_ticket_track_id (track_id), UNIQUE uk_ticket_ref (ref, entity), KEY (tms)
);
CREATE TABLE llx_actioncomm (
  id INT AUTO_INCREMENT PRIMARY KEY, ref VARCHAR(30) NOT NULL, ref_ext VARCHAR(255), entity INT NOT NULL DEFAULT 1, datep DATETIME, datep2 DATETIME, fk_action INT,
  code VARCHAR(50), datec DATETIME, tms TIMESTAMP DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, fk_user_author INT, fk_parent INT NOT NULL DEFAULT 0,
  fk_user_action INT, fulldayevent SMALLINT NOT NULL DEFAULT 0, percent SMALLINT NOT NULL DEFAULT 0, label VARCHAR(255) NOT NULL, note MEDIUMTEXT,
  fk_element INT, elementtype VARCHAR(255), UNIQUE uk_actioncomm_ref (ref, entity), KEY idx_actioncomm_ref_ext (ref_ext)
);
INSERT INTO llx_societe (rowid, nom, code_client, client, fournisseur, email) VALUES (7, 'Wohnbau eG', 'CU2510-0007', 1, 0, 'info@wohnbau.example'), (8, 'Rohr GmbH', NULL, 0, 1, NULL);
INSERT INTO llx_societe (rowid, entity, nom, client) VALUES (9, 2, 'Another company''s customer', 1);
INSERT INTO llx_socpeople (rowid, fk_soc, lastname, firstname, email, phone_mobile) VALUES (12, 7, 'Müller', 'Änne', 'anne@example.com', '0170');
INSERT INTO llx_user (rowid, entity, login, firstname, lastname) VALUES (1, 0, 'admin', NULL, NULL), (3, 1, 'hans', 'Hans', 'Wart');
INSERT INTO llx_c_ticket_category (code, label) VALUES ('HEAT', 'Heating');
INSERT INTO llx_c_type_contact VALUES (150, 'ticket', 'internal', 'SUPPORTTEC'), (155, 'ticket', 'external', 'SUPPORTCLI');
INSERT INTO llx_ticket (rowid, ref, track_id, fk_soc, subject, message, fk_statut, type_code, severity_code, datec) VALUES
  (1, 'TS2510-0041', 'a1b2c3d4e5f60718', 7, 'Lift', '<p>It <b>stands</b></p>', 3, 'ISSUE', 'HIGH', '2025-10-01 09:00:00'),
  (2, 'TICKET-9999', 'ffffffffffffffff', NULL, NULL, NULL, 0, NULL, NULL, '2025-10-02 09:00:00');
INSERT INTO llx_actioncomm (ref, datep, code, label, note, fk_element, elementtype) VALUES
  ('1', '2025-10-01 10:00:00', 'TICKET_MSG', 'Lift', 'We come tomorrow', 1, 'ticket'), ('2', '2025-10-01 11:00:00', 'TICKET_MSG_PRIVATE', 'Lift', 'Third time', 1, 'ticket'),
  ('3', '2025-10-01 11:00:00', 'AC_TICKET_MODIFY', 'Lift', '', 1, 'ticket');
