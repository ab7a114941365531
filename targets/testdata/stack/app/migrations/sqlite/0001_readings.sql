CREATE TABLE readings (sensor TEXT);
