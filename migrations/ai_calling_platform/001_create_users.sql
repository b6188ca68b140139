-- People who log in, and what every other table is made of: ids, codes, the clock of updated_at.

-- Ids have the form that they had in MongoDB, so that documents keep theirs when they are brought over.
CREATE DOMAIN object_id AS text
  CONSTRAINT object_id_form CHECK (VALUE ~ '^[0-9a-f]{24}$');

-- Four bytes of time, eight of chance, in hexadecimal.
CREATE FUNCTION new_object_id() RETURNS object_id
LANGUAGE sql VOLATILE PARALLEL SAFE SET search_path = pg_catalog, public
AS $$
  SELECT lpad(to_hex(extract(epoch FROM clock_timestamp())::bigint), 8, '0')
    || right(replace(gen_random_uuid()::text, '-', ''), 16)
$$;

-- ITU-T E.164: a plus sign, a country code, at most fifteen digits.
CREATE DOMAIN e164_number AS text
  CONSTRAINT e164_number_form CHECK (VALUE ~ '^\+[1-9][0-9]{1,14}$');

-- ISO 3166-1 alpha-2: the 249 codes that are assigned.
CREATE DOMAIN country_code AS text
  CONSTRAINT country_code_assigned CHECK (VALUE = ANY ('{
    AD, AE, AF, AG, AI, AL, AM, AO, AQ, AR, AS, AT, AU, AW, AX, AZ, BA, BB, BD, BE, BF, BG, BH, BI,
    BJ, BL, BM, BN, BO, BQ, BR, BS, BT, BV, BW, BY, BZ, CA, CC, CD, CF, CG, CH, CI, CK, CL, CM, CN,
    CO, CR, CU, CV, CW, CX, CY, CZ, DE, DJ, DK, DM, DO, DZ, EC, EE, EG, EH, ER, ES, ET, FI, FJ, FK,
    FM, FO, FR, GA, GB, GD, GE, GF, GG, GH, GI, GL, GM, GN, GP, GQ, GR, GS, GT, GU, GW, GY, HK, HM,
    HN, HR, HT, HU, ID, IE, IL, IM, IN, IO, IQ, IR, IS, IT, JE, JM, JO, JP, KE, KG, KH, KI, KM, KN,
    KP, KR, KW, KY, KZ, LA, LB, LC, LI, LK, LR, LS, LT, LU, LV, LY, MA, MC, MD, ME, MF, MG, MH, MK,
    ML, MM, MN, MO, MP, MQ, MR, MS, MT, MU, MV, MW, MX, MY, MZ, NA, NC, NE, NF, NG, NI, NL, NO, NP,
    NR, NU, NZ, OM, PA, PE, PF, PG, PH, PK, PL, PM, PN, PR, PS, PT, PW, PY, QA, RE, RO, RS, RU, RW,
    SA, SB, SC, SD, SE, SG, SH, SI, SJ, SK, SL, SM, SN, SO, SR, SS, ST, SV, SX, SY, SZ, TC, TD, TF,
    TG, TH, TJ, TK, TL, TM, TN, TO, TR, TT, TV, TW, TZ, UA, UG, UM, US, UY, UZ, VA, VC, VE, VG, VI,
    VN, VU, WF, WS, YE, YT, ZA, ZM, ZW
  }'::text[]));

-- ISO 639-1: the 183 codes in force.
CREATE DOMAIN language_code AS text
  CONSTRAINT language_code_assigned CHECK (VALUE = ANY ('{
    aa, ab, ae, af, ak, am, an, ar, as, av, ay, az, ba, be, bg, bi, bm, bn, bo, br, bs, ca, ce, ch,
    co, cr, cs, cu, cv, cy, da, de, dv, dz, ee, el, en, eo, es, et, eu, fa, ff, fi, fj, fo, fr, fy,
    ga, gd, gl, gn, gu, gv, ha, he, hi, ho, hr, ht, hu, hy, hz, ia, id, ie, ig, ii, ik, io, is, it,
    iu, ja, jv, ka, kg, ki, kj, kk, kl, km, kn, ko, kr, ks, ku, kv, kw, ky, la, lb, lg, li, ln, lo,
    lt, lu, lv, mg, mh, mi, mk, ml, mn, mr, ms, mt, my, na, nb, nd, ne, ng, nl, nn, no, nr, nv, ny,
    oc, oj, om, or, os, pa, pi, pl, ps, pt, qu, rm, rn, ro, ru, rw, sa, sc, sd, se, sg, si, sk, sl,
    sm, sn, so, sq, sr, ss, st, su, sv, sw, ta, te, tg, th, ti, tk, tl, tn, to, tr, ts, tt, tw, ty,
    ug, uk, ur, uz, ve, vi, vo, wa, wo, xh, yi, yo, za, zh, zu
  }'::text[]));

-- Every table has a trigger that calls this.
CREATE FUNCTION set_updated_at() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog
AS $$
BEGIN
  NEW.updated_at := now();
  RETURN NEW;
END
$$;

CREATE TABLE users (
  id object_id PRIMARY KEY DEFAULT new_object_id(),
  email text NOT NULL UNIQUE
    CONSTRAINT users_email_form CHECK (email ~ '^[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}$'),
  password text NOT NULL
    CONSTRAINT users_password_bcrypt CHECK (password ~ '^\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}$'),
  name text NOT NULL
    CONSTRAINT users_name_length CHECK (char_length(name) BETWEEN 1 AND 100),
  role text NOT NULL DEFAULT 'user'
    CONSTRAINT users_role_known CHECK (role IN ('user', 'admin')),
  credits numeric(18, 6) NOT NULL DEFAULT 0
    CONSTRAINT users_credits_not_negative CHECK (credits >= 0 AND credits <> 'NaN'),

  -- exotelConfig: all four, or none
  exotel_api_key text,
  exotel_api_token text,
  exotel_sid text,
  exotel_subdomain text,

  is_active boolean NOT NULL DEFAULT true,
  last_login_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),

  CONSTRAINT users_exotel_config_whole
    CHECK (num_nulls(exotel_api_key, exotel_api_token, exotel_sid, exotel_subdomain) IN (0, 4))
);

CREATE INDEX idx_users_created_at ON users (created_at DESC);
CREATE INDEX idx_users_is_active ON users (is_active);

CREATE TRIGGER users_updated_at BEFORE UPDATE ON users
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE users IS 'Accounts and their credentials';
COMMENT ON COLUMN users.password IS 'bcrypt; at least 8 characters before hashing, which only the application can see';
COMMENT ON COLUMN users.credits IS 'Available calling credits';
COMMENT ON COLUMN users.exotel_api_token IS 'Encrypted by the application';
