#!/bin/sh
# Runs once, when PostgreSQL makes its first cluster: an owner for the ledger's database, a login for Temporal's.
set -eu
psql --quiet --set=ON_ERROR_STOP=1 --username=postgres --dbname=postgres <<'SQL'
\getenv owner_password LEDGER_OWNER_PASSWORD
\getenv temporal_password TEMPORAL_PASSWORD
CREATE ROLE ledger_owner LOGIN CREATEROLE PASSWORD :'owner_password';
CREATE DATABASE ledger OWNER ledger_owner ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE ledger FROM PUBLIC;
\connect ledger
ALTER SCHEMA public OWNER TO ledger_owner;
CREATE ROLE temporal LOGIN CREATEDB PASSWORD :'temporal_password';
SQL
