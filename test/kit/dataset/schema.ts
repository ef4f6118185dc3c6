/**
 * "Real input": what years of different applications leave behind in one server. Every column type of MariaDB 10.11,
 * keys of all kinds, and code on the server's side. One statement per entry, in the order of their dependence.
 */
export const DATABASE = 'bazaar';

export const CREATE_DATABASE = `CREATE DATABASE ${DATABASE} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci`;

const BITS = [1, 5, 8, 17, 24, 33, 48, 63, 64];

/** Names and types of `every_type`; the generator of its rows walks over the same list. */
export const EVERY_TYPE_COLUMNS: ReadonlyArray<readonly [name: string, type: string]> = [
  ['t_tinyint', 'TINYINT'],
  ['t_tinyint_u', 'TINYINT UNSIGNED'],
  ['t_smallint', 'SMALLINT'],
  ['t_smallint_u', 'SMALLINT UNSIGNED'],
  ['t_mediumint', 'MEDIUMINT'],
  ['t_mediumint_u', 'MEDIUMINT UNSIGNED'],
  ['t_int', 'INT'],
  ['t_int_u', 'INT UNSIGNED'],
  ['t_int_zerofill', 'INT(10) ZEROFILL'],
  ['t_bigint', 'BIGINT'],
  ['t_bigint_u', 'BIGINT UNSIGNED'],
  ['t_boolean', 'BOOLEAN'],
  ['t_decimal', 'DECIMAL'],
  ['t_decimal_money', 'DECIMAL(14,2)'],
  ['t_decimal_wide', 'DECIMAL(65,30)'],
  ['t_decimal_u', 'DECIMAL(20,10) UNSIGNED'],
  ['t_float', 'FLOAT'],
  ['t_float_u', 'FLOAT UNSIGNED'],
  ['t_double', 'DOUBLE'],
  ['t_double_fixed', 'DOUBLE(20,5)'],
  ...BITS.map((width) => [`t_bit_${width}`, `BIT(${width})`] as const),
  ['t_year', 'YEAR'],
  ['t_date', 'DATE'],
  ['t_time', 'TIME'],
  ['t_time_3', 'TIME(3)'],
  ['t_time_6', 'TIME(6)'],
  ['t_datetime', 'DATETIME'],
  ['t_datetime_1', 'DATETIME(1)'],
  ['t_datetime_6', 'DATETIME(6)'],
  ['t_timestamp', 'TIMESTAMP NULL DEFAULT NULL'],
  ['t_timestamp_4', 'TIMESTAMP(4) NULL DEFAULT NULL'],
  ['t_timestamp_6', 'TIMESTAMP(6) NULL DEFAULT NULL'],
  ['t_char', 'CHAR(17)'],
  ['t_char_255', 'CHAR(255) CHARACTER SET latin1'],
  ['t_nchar', 'NATIONAL CHAR(9)'],
  ['t_varchar', 'VARCHAR(120)'],
  ['t_varchar_long', 'VARCHAR(2000)'],
  ['t_tinytext', 'TINYTEXT'],
  ['t_text', 'TEXT'],
  ['t_mediumtext', 'MEDIUMTEXT'],
  ['t_longtext', 'LONGTEXT'],
  ['t_text_compressed', 'TEXT COMPRESSED'],
  ['t_binary', 'BINARY(16)'],
  ['t_varbinary', 'VARBINARY(300)'],
  ['t_tinyblob', 'TINYBLOB'],
  ['t_blob', 'BLOB'],
  ['t_mediumblob', 'MEDIUMBLOB'],
  ['t_longblob', 'LONGBLOB'],
  ['t_blob_compressed', 'BLOB COMPRESSED'],
  ['t_enum', "ENUM('red','green','blue','ünusual','it''s')"],
  ['t_enum_wide', `ENUM(${Array.from({ length: 300 }, (_, i) => `'v${i}'`).join(',')})`],
  ['t_set', "SET('a','b','c','d','e','f','g','h','i')"],
  ['t_set_64', `SET(${Array.from({ length: 64 }, (_, i) => `'s${i}'`).join(',')})`],
  ['t_json', 'JSON'],
  ['t_inet4', 'INET4'],
  ['t_inet6', 'INET6'],
  ['t_uuid', 'UUID'],
  ['t_geometry', 'GEOMETRY'],
  ['t_point', 'POINT'],
  ['t_linestring', 'LINESTRING'],
  ['t_polygon', 'POLYGON'],
  ['t_multipoint', 'MULTIPOINT'],
  ['t_multilinestring', 'MULTILINESTRING'],
  ['t_multipolygon', 'MULTIPOLYGON'],
  ['t_collection', 'GEOMETRYCOLLECTION'],
];

/** Columns of one text in many alphabets: a wrong character set on the way shows here first. */
export const ALPHABETS: ReadonlyArray<readonly [charset: string, collation: string, sample: string]> = [
  ['utf8mb4', 'utf8mb4_unicode_ci', 'Grüße 你好 🪿 مرحبا'],
  ['utf8mb4', 'utf8mb4_bin', 'ÅåÄäÖö ß ẞ 🧵'],
  ['utf8mb3', 'utf8mb3_general_ci', 'Ελληνικά ภาษาไทย'],
  ['latin1', 'latin1_german2_ci', 'Füße über Öl'],
  ['latin2', 'latin2_general_ci', 'Příliš žluťoučký kůň'],
  ['cp1251', 'cp1251_general_ci', 'Съешь же ещё'],
  ['koi8r', 'koi8r_general_ci', 'мягких французских булок'],
  ['ucs2', 'ucs2_general_ci', 'größer 大'],
  ['utf16', 'utf16_general_ci', '🪿 flock'],
  ['utf32', 'utf32_general_ci', '🧶 yarn'],
  ['sjis', 'sjis_japanese_ci', 'こんにちは世界'],
  ['gbk', 'gbk_chinese_ci', '鹅群在飞'],
  ['big5', 'big5_chinese_ci', '鵝群在飛'],
  ['euckr', 'euckr_korean_ci', '안녕하세요'],
];

export const TABLES: readonly string[] = [
  `CREATE TABLE region (
    id TINYINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) NOT NULL UNIQUE, area POLYGON,
    opened DATE NOT NULL DEFAULT '1970-01-01') COMMENT='Small and referenced by many'`,
  `CREATE TABLE customer (
    id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, region_id TINYINT UNSIGNED NOT NULL,
    email VARCHAR(120) CHARACTER SET ascii NOT NULL, first_name VARCHAR(40) NOT NULL, last_name VARCHAR(60) NOT NULL,
    born DATE, created TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
    kind ENUM('private','company','staff') NOT NULL DEFAULT 'private', flags SET('news','beta','blocked','vip') NOT NULL DEFAULT '',
    profile JSON, uuid UUID NOT NULL, ip4 INET4, ip6 INET6, balance DECIMAL(14,4) NOT NULL DEFAULT 0,
    secret VARBINARY(32) INVISIBLE DEFAULT NULL,
    full_name VARCHAR(101) AS (CONCAT(first_name, ' ', last_name)) PERSISTENT,
    mail_domain VARCHAR(120) AS (SUBSTRING_INDEX(email, '@', -1)) VIRTUAL,
    city VARCHAR(60) AS (JSON_VALUE(profile, '$.city')) VIRTUAL,
    UNIQUE KEY by_email (email), UNIQUE KEY by_uuid (uuid), KEY by_domain (mail_domain), KEY by_name (last_name(10), first_name),
    KEY by_city (city), FULLTEXT KEY by_words (first_name, last_name),
    CONSTRAINT customer_region FOREIGN KEY (region_id) REFERENCES region (id) ON UPDATE CASCADE,
    CONSTRAINT customer_balance CHECK (balance > -1000000)) AUTO_INCREMENT=1000`,
  `CREATE TABLE customer_log (
    id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, customer_id INT UNSIGNED NOT NULL, what ENUM('insert','update','delete') NOT NULL,
    at DATETIME(6) NOT NULL, was JSON, KEY (customer_id)) COMMENT='Written by triggers only'`,
  `CREATE TABLE product (
    id MEDIUMINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, sku CHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL UNIQUE,
    name VARCHAR(120) NOT NULL, description TEXT NOT NULL, price DECIMAL(12,4) NOT NULL, weight_kg DOUBLE, depth FLOAT,
    place POINT NOT NULL, picture MEDIUMBLOB, stock INT NOT NULL DEFAULT 0, released DATETIME(3),
    price_gross DECIMAL(14,4) AS (price * 1.19) STORED, FULLTEXT KEY by_text (name, description), SPATIAL KEY by_place (place),
    KEY by_price (price DESC, id)) ROW_FORMAT=DYNAMIC`,
  `CREATE TABLE purchase (
    id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, customer_id INT UNSIGNED NOT NULL, at DATETIME(3) NOT NULL,
    state ENUM('new','paid','sent','returned') NOT NULL DEFAULT 'new', total DECIMAL(14,2) NOT NULL DEFAULT 0, remark VARCHAR(200),
    KEY by_state (state, at), CONSTRAINT purchase_customer FOREIGN KEY (customer_id) REFERENCES customer (id) ON DELETE CASCADE)
    ROW_FORMAT=COMPACT`,
  `CREATE TABLE purchase_line (
    purchase_id BIGINT UNSIGNED NOT NULL, line SMALLINT UNSIGNED NOT NULL, product_id MEDIUMINT UNSIGNED,
    quantity SMALLINT NOT NULL, unit_price DECIMAL(12,4) NOT NULL, amount DECIMAL(16,4) AS (quantity * unit_price) PERSISTENT,
    cheap BOOLEAN AS (unit_price < 10) VIRTUAL, PRIMARY KEY (purchase_id, line), KEY by_product (product_id),
    CONSTRAINT line_purchase FOREIGN KEY (purchase_id) REFERENCES purchase (id) ON DELETE CASCADE,
    CONSTRAINT line_product FOREIGN KEY (product_id) REFERENCES product (id) ON DELETE SET NULL)`,
  `CREATE TABLE every_type (
    id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
    ${EVERY_TYPE_COLUMNS.map(([name, type]) => `${name} ${type}`).join(',\n    ')})`,
  `CREATE TABLE alphabet (
    id SMALLINT AUTO_INCREMENT PRIMARY KEY,
    ${ALPHABETS.map(([charset, collation], i) => `a${i} VARCHAR(100) CHARACTER SET ${charset} COLLATE ${collation}`).join(',\n    ')},
    UNIQUE KEY (id, a0), KEY (a1), KEY (a8))`,
  `CREATE TABLE measure (
    id BIGINT UNSIGNED NOT NULL, at DATETIME(6) NOT NULL, sensor SMALLINT UNSIGNED NOT NULL, value DOUBLE, note VARCHAR(30),
    PRIMARY KEY (id, at, sensor), KEY by_sensor (sensor, at))
    PARTITION BY RANGE COLUMNS (at) SUBPARTITION BY HASH (sensor) SUBPARTITIONS 3 (
      PARTITION p2023 VALUES LESS THAN ('2024-01-01'), PARTITION p2024a VALUES LESS THAN ('2024-07-01'),
      PARTITION p2024b VALUES LESS THAN ('2025-01-01'), PARTITION p2025 VALUES LESS THAN ('2026-01-01'),
      PARTITION pmax VALUES LESS THAN (MAXVALUE))`,
  `CREATE TABLE journal (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, land CHAR(2) CHARACTER SET ascii NOT NULL, at TIMESTAMP(3) NULL, text VARCHAR(300),
    PRIMARY KEY (id, land)) ROW_FORMAT=REDUNDANT
    PARTITION BY LIST COLUMNS (land) (PARTITION de VALUES IN ('DE','AT','CH'), PARTITION north VALUES IN ('SE','NO','DK','FI'),
      PARTITION other VALUES IN ('FR','ES','IT','PT','PL','CZ'))`,
  `CREATE TABLE bucket (k INT NOT NULL PRIMARY KEY, v VARCHAR(50), n INT NOT NULL DEFAULT 0) PARTITION BY KEY (k) PARTITIONS 4`,
  `CREATE TABLE shape (k INT NOT NULL PRIMARY KEY, v VARCHAR(50), n INT NOT NULL DEFAULT 0) COMMENT='Altered again and again by the workload'
    PARTITION BY KEY (k) PARTITIONS 4`,
  `CREATE TABLE tree (
    id INT UNSIGNED PRIMARY KEY, parent INT UNSIGNED, label VARCHAR(40) NOT NULL,
    CONSTRAINT tree_parent FOREIGN KEY (parent) REFERENCES tree (id) ON DELETE CASCADE ON UPDATE RESTRICT)`,
  `CREATE TABLE keyless (a INT, b VARCHAR(40), c DATETIME(6), d DECIMAL(10,3), KEY (a)) COMMENT='No primary key: replicas search rows'`,
  `CREATE TABLE bare (a VARCHAR(20), b DOUBLE) COMMENT='No key at all'`,
  `CREATE TABLE price_list (
    product_id MEDIUMINT UNSIGNED PRIMARY KEY, price DECIMAL(12,4) NOT NULL, note VARCHAR(60)) WITH SYSTEM VERSIONING`,
  `CREATE TABLE \`odd \`\`name\`\` – ünïcode\` (\`select\` INT PRIMARY KEY, \`a b\` VARCHAR(30) NOT NULL DEFAULT 'it''s "x" \\\\ %')`,
  "CREATE TABLE ticker (id INT AUTO_INCREMENT PRIMARY KEY, at DATETIME(6) NOT NULL, by_user VARCHAR(100)) COMMENT='Written by an event'",
  'CREATE SEQUENCE ticket START WITH 100 INCREMENT BY 7 MINVALUE 1 MAXVALUE 1000000000 CACHE 20 NOCYCLE',
  'CREATE TABLE drawn (n BIGINT NOT NULL DEFAULT NEXTVAL(ticket) PRIMARY KEY, who VARCHAR(20))',
];

/** Created after the bulk of the rows, so that the load is quick; the workload then runs through all of them. */
export const CODE: readonly string[] = [
  `CREATE VIEW customer_public AS SELECT id, full_name, city, kind FROM customer WHERE NOT FIND_IN_SET('blocked', flags)`,
  `CREATE SQL SECURITY INVOKER VIEW company AS SELECT id, email, last_name, region_id, first_name, uuid, kind FROM customer
    WHERE kind = 'company' WITH CASCADED CHECK OPTION`,
  `CREATE ALGORITHM=TEMPTABLE VIEW turnover AS SELECT c.region_id, COUNT(*) purchases, SUM(p.total) total
    FROM purchase p JOIN customer c ON c.id = p.customer_id GROUP BY c.region_id`,
  `CREATE TRIGGER customer_before BEFORE INSERT ON customer FOR EACH ROW
    SET NEW.secret = IFNULL(NEW.secret, UNHEX(SHA2(CONCAT(NEW.email, RAND()), 256)))`,
  `CREATE TRIGGER customer_inserted AFTER INSERT ON customer FOR EACH ROW
    INSERT INTO customer_log (customer_id, what, at) VALUES (NEW.id, 'insert', NOW(6))`,
  `CREATE TRIGGER customer_updated AFTER UPDATE ON customer FOR EACH ROW BEGIN
    IF NOT (OLD.balance <=> NEW.balance) THEN
      INSERT INTO customer_log (customer_id, what, at, was) VALUES (OLD.id, 'update', SYSDATE(6), JSON_OBJECT('balance', OLD.balance));
    END IF;
  END`,
  `CREATE TRIGGER customer_deleted BEFORE DELETE ON customer FOR EACH ROW
    INSERT INTO customer_log (customer_id, what, at, was) VALUES (OLD.id, 'delete', NOW(6), JSON_OBJECT('email', OLD.email))`,
  `CREATE TRIGGER line_inserted AFTER INSERT ON purchase_line FOR EACH ROW
    UPDATE product SET stock = stock - NEW.quantity WHERE id = NEW.product_id`,
  'CREATE FUNCTION gross(net DECIMAL(14,4)) RETURNS DECIMAL(14,4) DETERMINISTIC NO SQL RETURN net * 1.19',
  `CREATE FUNCTION draw(name VARCHAR(20)) RETURNS BIGINT NOT DETERMINISTIC MODIFIES SQL DATA BEGIN
    DECLARE drawn_number BIGINT DEFAULT NEXTVAL(ticket);
    INSERT INTO drawn (n, who) VALUES (drawn_number, name);
    RETURN drawn_number;
  END`,
  `CREATE PROCEDURE place_purchase(IN buyer INT UNSIGNED, IN line_count INT, OUT purchase_no BIGINT UNSIGNED) BEGIN
    DECLARE i INT DEFAULT 0;
    DECLARE bought MEDIUMINT UNSIGNED;
    DECLARE cost DECIMAL(12,4);
    DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END;
    START TRANSACTION;
    INSERT INTO purchase (customer_id, at, remark) VALUES (buyer, NOW(3), UUID());
    SET purchase_no = LAST_INSERT_ID();
    WHILE i < line_count DO
      SELECT id, price INTO bought, cost FROM product WHERE id >= 1 + FLOOR(RAND() * 100) ORDER BY id LIMIT 1;
      INSERT INTO purchase_line VALUES (purchase_no, i, bought, 1 + FLOOR(RAND() * 5), cost, DEFAULT, DEFAULT);
      SET i = i + 1;
    END WHILE;
    UPDATE purchase SET total = (SELECT IFNULL(SUM(amount), 0) FROM purchase_line WHERE purchase_id = purchase_no) WHERE id = purchase_no;
    UPDATE customer SET balance = balance - (SELECT total FROM purchase WHERE id = purchase_no) / 1000 WHERE id = buyer;
    COMMIT;
  END`,
  `CREATE PROCEDURE retire(IN how_many INT) BEGIN
    DECLARE done BOOLEAN DEFAULT FALSE;
    DECLARE victim INT UNSIGNED;
    DECLARE victims CURSOR FOR SELECT id FROM customer ORDER BY balance LIMIT how_many;
    DECLARE CONTINUE HANDLER FOR NOT FOUND SET done = TRUE;
    OPEN victims;
    each_victim: LOOP
      FETCH victims INTO victim;
      IF done THEN LEAVE each_victim; END IF;
      DELETE FROM customer WHERE id = victim;
    END LOOP;
    CLOSE victims;
  END`,
  `CREATE EVENT tick ON SCHEDULE EVERY 1 SECOND DO INSERT INTO ticker (at, by_user) VALUES (NOW(6), CURRENT_USER())`,
];
