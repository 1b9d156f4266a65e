CREATE DATABASE memu_db CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
