-- SPDX-License-Identifier: Apache-2.0
-- The core system as it grew since 1989: the supplier's tables under "CORE", which nobody outside may read, and
-- the reporting views under "RPT", which is the interface that exists. "SBX" is ours: it makes the twin misbehave.

CREATE SCHEMA "CORE";
CREATE SCHEMA "RPT";
CREATE SCHEMA "SBX";

CREATE TABLE "CORE"."PRSIDX" ("LKP_REF" VARCHAR(10) NOT NULL, "REF_TYP" CHAR(1) NOT NULL);
CREATE TABLE "CORE"."PRSMST" (
  "PERS_REF" VARCHAR(10) NOT NULL, "SUR_NM" VARCHAR(35), "FOR_NM" VARCHAR(50), "TTL_CD" VARCHAR(4),
  "SEX_CD" CHAR(1), "DOB_DT" CHAR(8), "DOD_DT" CHAR(8), "TEL_NO" VARCHAR(20), "ADR_REF" INTEGER,
  "NHS_NO" VARCHAR(12), "LST_UPD" CHAR(14), "UPD_USR" VARCHAR(8));
CREATE TABLE "CORE"."ADRMST" (
  "ADR_REF" INTEGER NOT NULL, "PAON" VARCHAR(40), "STRT_NM" VARCHAR(60), "TWN_NM" VARCHAR(40),
  "PST_CD" VARCHAR(8), "UPRN" VARCHAR(12));
CREATE TABLE "CORE"."HSGTEN" (
  "PERS_REF" VARCHAR(10) NOT NULL, "TEN_SEQ" SMALLINT NOT NULL, "TEN_REF" VARCHAR(10), "TEN_TYP" VARCHAR(4), "ST_DT" CHAR(8),
  "END_DT" CHAR(8), "LLD_CD" VARCHAR(4), "ADR_REF" INTEGER, "ADPT_CDS" VARCHAR(40), "ARR_P" VARCHAR(12),
  "RNT_P" VARCHAR(12), "LST_UPD" CHAR(14));
CREATE TABLE "CORE"."ASCSVC" (
  "PERS_REF" VARCHAR(10) NOT NULL, "SVC_SEQ" SMALLINT NOT NULL, "SVC_REF" VARCHAR(10), "SVC_TYP" VARCHAR(12), "ST_DT" CHAR(8),
  "END_DT" CHAR(8), "PRV_NM" VARCHAR(40), "HRS_WK" VARCHAR(8), "PSR_CD" VARCHAR(4), "WRK_NM" VARCHAR(40),
  "UNIT_CST" VARCHAR(12), "LST_UPD" CHAR(14));
CREATE TABLE "CORE"."CTXACC" (
  "ACC_NO" VARCHAR(10) NOT NULL, "ACC_ST" CHAR(1), "BND_CD" VARCHAR(2), "DSC_CD" VARCHAR(6), "CTS_AMT" VARCHAR(12),
  "BAL_AMT" VARCHAR(12), "PAY_CD" VARCHAR(4), "LST_UPD" CHAR(14));
CREATE TABLE "CORE"."CTXLIA" ("ACC_NO" VARCHAR(10) NOT NULL, "PERS_REF" VARCHAR(10) NOT NULL);

CREATE TABLE "SBX"."FAULT" ("IDENTIFIER" VARCHAR(10) PRIMARY KEY, "MODE" VARCHAR(10) NOT NULL, "DELAY_MS" BIGINT NOT NULL);

-- Which person's rows are really read for a reference: their own, unless the twin is told to misbehave.
-- STABLE, so that it is not taken out of the join; SECURITY DEFINER, since the reader must not see its table.
CREATE FUNCTION "SBX"."AIM"(asked VARCHAR) RETURNS VARCHAR
LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
DECLARE fault "SBX"."FAULT"%ROWTYPE;
BEGIN
  SELECT * INTO fault FROM "SBX"."FAULT" WHERE "IDENTIFIER" IN (asked, '*') ORDER BY "IDENTIFIER" DESC LIMIT 1;
  IF NOT FOUND THEN RETURN asked; END IF;
  IF fault."MODE" IN ('slow', 'drip') THEN
    PERFORM pg_catalog.pg_sleep(fault."DELAY_MS" / 1000.0);
  ELSIF fault."MODE" = 'hang' THEN
    PERFORM pg_catalog.pg_sleep(86400);
  ELSIF fault."MODE" = 'fail' THEN
    RAISE EXCEPTION 'SYSTEM UNAVAILABLE: OVERNIGHT BATCH' USING ERRCODE = '57P03';
  ELSIF fault."MODE" = 'lie' THEN
    RETURN (SELECT min("PERS_REF") FROM "CORE"."PRSMST" WHERE "PERS_REF" <> asked AND "PERS_REF" <> 'JUNK');
  ELSIF fault."MODE" = 'garbage' THEN
    RETURN 'JUNK';
  END IF;
  RETURN asked;
END $$;

-- The supplier's day, DDMMYYYY with eight zeros for none, as the reports show it.
CREATE FUNCTION "SBX"."DAY"(raw CHAR) RETURNS TEXT LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN raw = '00000000' THEN '' ELSE substr(raw, 1, 2) || '/' || substr(raw, 3, 2) || '/' || substr(raw, 5, 4) END
$$;

-- The reports are filled every night, for a person at a time: some may have been left out of the last nights' runs.
-- "LKP_REF" is what one looks up by; "PERS_REF" says whose the row is. They are the same unless the twin lies.

CREATE VIEW "RPT"."RPT_PERSON" AS
  SELECT k."LKP_REF", CASE p."PERS_REF" WHEN 'JUNK' THEN k."LKP_REF" ELSE p."PERS_REF" END AS "PERS_REF",
    p."SUR_NM", p."FOR_NM", p."TTL_CD", p."SEX_CD",
    "SBX"."DAY"(p."DOB_DT") AS "DOB_DT", "SBX"."DAY"(p."DOD_DT") AS "DOD_DT",
    p."TEL_NO", trim(a."PAON" || ' ' || a."STRT_NM") AS "ADR_L1", a."TWN_NM", a."PST_CD", a."UPRN",
    p."NHS_NO", p."UPD_USR",
    to_char(current_date - coalesce((SELECT f."DELAY_MS" / 86400000 FROM "SBX"."FAULT" f
      WHERE f."IDENTIFIER" = k."LKP_REF" AND f."MODE" = 'stale'), 1)::integer, 'DD/MM/YYYY') AS "EXTR_DT",
    substr(p."LST_UPD", 1, 8) AS "LST_UPD"
  FROM "CORE"."PRSIDX" k
  JOIN "CORE"."PRSMST" p ON p."PERS_REF" = "SBX"."AIM"(k."LKP_REF")
  LEFT JOIN "CORE"."ADRMST" a ON a."ADR_REF" = p."ADR_REF";

CREATE VIEW "RPT"."RPT_TENANCY" AS
  SELECT k."LKP_REF", CASE t."PERS_REF" WHEN 'JUNK' THEN k."LKP_REF" ELSE t."PERS_REF" END AS "PERS_REF",
    t."TEN_REF", t."TEN_TYP",
    "SBX"."DAY"(t."ST_DT") AS "ST_DT", "SBX"."DAY"(t."END_DT") AS "END_DT",
    t."LLD_CD", trim(a."PAON" || ' ' || a."STRT_NM") AS "ADR_L1", a."TWN_NM", a."PST_CD",
    t."ADPT_CDS", t."ARR_P", t."RNT_P",
    to_char(current_date - coalesce((SELECT f."DELAY_MS" / 86400000 FROM "SBX"."FAULT" f
      WHERE f."IDENTIFIER" = k."LKP_REF" AND f."MODE" = 'stale'), 1)::integer, 'DD/MM/YYYY') AS "EXTR_DT",
    substr(t."LST_UPD", 1, 8) AS "LST_UPD"
  FROM "CORE"."PRSIDX" k
  JOIN "CORE"."HSGTEN" t ON t."PERS_REF" = "SBX"."AIM"(k."LKP_REF")
  LEFT JOIN "CORE"."ADRMST" a ON a."ADR_REF" = t."ADR_REF";

CREATE VIEW "RPT"."RPT_ASC" AS
  SELECT k."LKP_REF", CASE s."PERS_REF" WHEN 'JUNK' THEN k."LKP_REF" ELSE s."PERS_REF" END AS "PERS_REF",
    s."SVC_REF", s."SVC_TYP",
    "SBX"."DAY"(s."ST_DT") AS "ST_DT", "SBX"."DAY"(s."END_DT") AS "END_DT",
    s."PRV_NM", s."HRS_WK", s."PSR_CD", s."WRK_NM", s."UNIT_CST",
    to_char(current_date - coalesce((SELECT f."DELAY_MS" / 86400000 FROM "SBX"."FAULT" f
      WHERE f."IDENTIFIER" = k."LKP_REF" AND f."MODE" = 'stale'), 1)::integer, 'DD/MM/YYYY') AS "EXTR_DT",
    substr(s."LST_UPD", 1, 8) AS "LST_UPD"
  FROM "CORE"."PRSIDX" k
  JOIN "CORE"."ASCSVC" s ON s."PERS_REF" = "SBX"."AIM"(k."LKP_REF");

CREATE VIEW "RPT"."RPT_CTAX" AS
  SELECT k."LKP_REF", CASE l."PERS_REF" WHEN 'JUNK' THEN k."LKP_REF" ELSE l."PERS_REF" END AS "PERS_REF",
    c."ACC_NO", c."ACC_ST", c."BND_CD", c."DSC_CD", c."CTS_AMT", c."BAL_AMT", c."PAY_CD",
    to_char(current_date - coalesce((SELECT f."DELAY_MS" / 86400000 FROM "SBX"."FAULT" f
      WHERE f."IDENTIFIER" = k."LKP_REF" AND f."MODE" = 'stale'), 1)::integer, 'DD/MM/YYYY') AS "EXTR_DT",
    substr(c."LST_UPD", 1, 8) AS "LST_UPD"
  FROM "CORE"."PRSIDX" k
  JOIN "CORE"."CTXLIA" l ON l."PERS_REF" = "SBX"."AIM"(k."LKP_REF")
  JOIN "CORE"."CTXACC" c ON c."ACC_NO" = l."ACC_NO";

-- What the twin answers with when it is told to send garbage: rows that no mapping can read.
INSERT INTO "CORE"."PRSMST" VALUES ('JUNK', '', '', '', '%', '99999999', 'ABCDEFGH', '<NULL>', NULL, '', '', '');
INSERT INTO "CORE"."HSGTEN" VALUES ('JUNK', 1, '%', '%%%%', '31022026', '99999999', '', NULL, '', 'TWELVE', '', '');
INSERT INTO "CORE"."ASCSVC" VALUES ('JUNK', 1, '%', '%%%%', '31022026', '99999999', '', 'MANY', '', '', '', '');
INSERT INTO "CORE"."CTXACC" VALUES ('JUNK', '%', '%%', '%', 'NIL', 'NIL', '', '');
INSERT INTO "CORE"."CTXLIA" VALUES ('JUNK', 'JUNK');
