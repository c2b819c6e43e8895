// Zone files of the DNS (RFC 1035 section 5, RFC 2308 $TTL): records with their full owner names and places.
// Called by audit rules. Pure and total; $INCLUDE and $GENERATE are not followed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace meshops::zone {

struct Record {
  std::string owner;  // lower case, with the dot at its end; below an unknown origin it ends with ".@."
  std::string type;   // upper case
  std::vector<std::string> fields;  // of its data, as written
  std::size_t line = 1;             // where the record begins; both count from 1
  std::size_t column = 1;           // of the type
};

struct Zone {
  /// Of the SOA record; else the first $ORIGIN; else what the caller said; else "@.".
  std::string apex;
  std::vector<Record> records;
};
/// `origin`: what the server's configuration or the file's name says; may be empty.
Zone parse(std::string_view text, std::string_view origin = {});

/// "example.org" from "example.org.zone" or "db.example.org"; empty where the name tells nothing.
std::string origin_of_file(std::string_view file_name);

}  // namespace meshops::zone
