-- Tables in the shape of the estatesmgmt schema, our own words: only the columns that docs/examples/estatesmgmt.yaml uses, and the password that it must not read.
CREATE SCHEMA estatesmgmt;
CREATE TABLE estatesmgmt.estate_agents (id serial PRIMARY KEY, name varchar NOT NULL, login varchar NOT NULL UNIQUE, password varchar NOT NULL);
CREATE TABLE estatesmgmt.persons (id serial PRIMARY KEY, first_name varchar NOT NULL, name varchar NOT NULL, address varchar NOT NULL);
CREATE TABLE estatesmgmt.estates (
  id serial PRIMARY KEY, city varchar NOT NULL, postal_code int NOT NULL, street varchar NOT NULL, street_number int NOT NULL, square_area int NOT NULL
);
CREATE TABLE estatesmgmt.apartments (fk_estate_id int PRIMARY KEY REFERENCES estatesmgmt.estates, floor int NOT NULL, room int NOT NULL, rent float4 NOT NULL);
CREATE TABLE estatesmgmt.houses (fk_estate_id int PRIMARY KEY REFERENCES estatesmgmt.estates, price float4 NOT NULL);
CREATE TABLE estatesmgmt.contracts (id serial PRIMARY KEY, date date NOT NULL, place varchar NOT NULL);
CREATE TABLE estatesmgmt.tenancy_contracts (contract_id int PRIMARY KEY REFERENCES estatesmgmt.contracts, start_date date NOT NULL, duration interval NOT NULL);
CREATE TABLE estatesmgmt.purchase_contracts (contract_id int PRIMARY KEY REFERENCES estatesmgmt.contracts);
CREATE TABLE estatesmgmt.rents (apartment_id int UNIQUE, person_id int, tenancy_contract_id int UNIQUE, PRIMARY KEY (apartment_id, person_id, tenancy_contract_id));
CREATE TABLE estatesmgmt.sells (person_id int, house_id int UNIQUE, purchase_contract_id int UNIQUE, PRIMARY KEY (purchase_contract_id, house_id, person_id));
INSERT INTO estatesmgmt.estate_agents VALUES (1, 'Jansen', 'jansen', 'clear text');
INSERT INTO estatesmgmt.persons VALUES (1, 'Änne', 'Müller', 'Lange Reihe 12a, 20099 Hamburg'), (2, 'Ole', 'Voss', 'unknown');
INSERT INTO estatesmgmt.estates VALUES (1, 'Dresden', 1067, 'Markt', 4, 71), (2, 'Hamburg', 20095, 'Parkallee', 8, 140);
INSERT INTO estatesmgmt.apartments VALUES (1, 3, 2, 812.35);
INSERT INTO estatesmgmt.houses VALUES (2, 499000);
INSERT INTO estatesmgmt.contracts VALUES (10, '2025-12-01', 'Dresden'), (11, '2026-02-01', 'Hamburg');
INSERT INTO estatesmgmt.tenancy_contracts VALUES (10, '2026-01-31', '1 year');
INSERT INTO estatesmgmt.purchase_contracts VALUES (11);
INSERT INTO estatesmgmt.rents VALUES (1, 1, 10);
INSERT INTO estatesmgmt.sells VALUES (2, 2, 11);
