# tests/fuzz/<name>_fuzz.cpp become fuzz_<name>, with AddressSanitizer and UBSan inside.
file(GLOB fuzzers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/*_fuzz.cpp)
foreach(source IN LISTS fuzzers)
  get_filename_component(name ${source} NAME_WE)
  string(REPLACE "_fuzz" "" name ${name})
  add_executable(fuzz_${name} ${source})
  target_link_libraries(fuzz_${name} PRIVATE meshops_formats meshops_net meshops_config meshops_host meshops_gateway)
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
endforeach()
