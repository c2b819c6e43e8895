#include "host/access_events.h"

#include <gtest/gtest.h>
#include <sys/fanotify.h>

#include <string>

namespace meshops {
namespace {

template <class T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string pidfd_record(int pidfd) {
  fanotify_event_info_pidfd record{};
  record.hdr.info_type = FAN_EVENT_INFO_TYPE_PIDFD;
  record.hdr.len = sizeof record;
  record.pidfd = pidfd;
  return bytes_of(record);
}
std::string event(std::uint64_t mask, int fd, pid_t pid, const std::string& records = {}) {
  fanotify_event_metadata head{};
  head.event_len = static_cast<__u32>(sizeof head + records.size());
  head.vers = FANOTIFY_METADATA_VERSION;
  head.metadata_len = sizeof head;
  head.mask = mask;
  head.fd = fd;
  head.pid = pid;
  return bytes_of(head) + records;
}

TEST(AccessEvents, EachIsTakenApart) {
  auto seen = parse_access_events(event(FAN_OPEN, 7, 100, pidfd_record(8)) +
                                  event(FAN_OPEN | FAN_ACCESS, 9, 101, pidfd_record(FAN_NOPIDFD)) +
                                  event(FAN_ACCESS, 10, 0));
  EXPECT_FALSE(seen.broken);
  ASSERT_EQ(seen.all.size(), 3U);
  EXPECT_TRUE(seen.all[0].opened && !seen.all[0].read);
  EXPECT_EQ(seen.all[0].fd, 7);
  EXPECT_EQ(seen.all[0].pid, 100);
  EXPECT_EQ(seen.all[0].pidfd, 8);
  EXPECT_FALSE(seen.all[0].ended);
  EXPECT_TRUE(seen.all[1].opened && seen.all[1].read);
  EXPECT_EQ(seen.all[1].pidfd, -1);
  EXPECT_TRUE(seen.all[1].ended) << "its pid may be another process's by now";
  EXPECT_FALSE(seen.all[2].ended) << "without a pidfd nobody says so";
}

TEST(AccessEvents, AFullQueueIsTold) {
  auto seen = parse_access_events(event(FAN_Q_OVERFLOW, FAN_NOFD, 0));
  ASSERT_EQ(seen.all.size(), 1U);
  EXPECT_TRUE(seen.all[0].overflow);
  EXPECT_EQ(seen.all[0].fd, -1);
}

TEST(AccessEvents, APidfdThatCouldNotBeMadeSaysNothingOfTheProcess) {
  auto seen = parse_access_events(event(FAN_OPEN, 7, 100, pidfd_record(FAN_EPIDFD)));
  EXPECT_FALSE(seen.all.at(0).ended);
  EXPECT_EQ(seen.all.at(0).pidfd, -1);
}

TEST(AccessEvents, RecordsThatWeDoNotKnowAreSteppedOver) {
  std::string other("\x7f\x00\x08\x00....", 8);
  auto seen = parse_access_events(event(FAN_OPEN, 7, 100, other + pidfd_record(8)) + event(FAN_OPEN, 9, 1));
  EXPECT_FALSE(seen.broken);
  ASSERT_EQ(seen.all.size(), 2U);
  EXPECT_EQ(seen.all[0].pidfd, 8);
}

TEST(AccessEvents, WhatLiesAboutItsLengthEndsTheReadingButLosesNoDescriptor) {
  auto whole = event(FAN_OPEN, 7, 100, pidfd_record(8)) + event(FAN_OPEN, 9, 101, pidfd_record(10));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    auto seen = parse_access_events(std::string_view(whole).substr(0, size));
    std::size_t complete = size >= whole.size() / 2 ? 1 : 0;
    EXPECT_EQ(seen.all.size(), complete) << size;
    EXPECT_EQ(seen.broken, size != 0 && size != whole.size() / 2) << size;
  }
  // A record of length 0 would never end, one beyond the event would read the next event's bytes.
  for (char length : {'\0', '\x03', '\x7f'}) {
    std::string liar = pidfd_record(8);
    liar[2] = length;
    auto seen = parse_access_events(event(FAN_OPEN, 7, 100, liar) + event(FAN_OPEN, 9, 101));
    EXPECT_TRUE(seen.broken);
    ASSERT_EQ(seen.all.size(), 1U) << "the open file must be closed all the same";
    EXPECT_EQ(seen.all[0].fd, 7);
  }
}

TEST(AccessEvents, AnotherVersionOfTheFormatIsNotGuessedAt) {
  auto bytes = event(FAN_OPEN, 7, 100);
  bytes[4] = FANOTIFY_METADATA_VERSION + 1;
  auto seen = parse_access_events(bytes);
  EXPECT_TRUE(seen.broken);
  EXPECT_TRUE(seen.all.empty());
}

}  // namespace
}  // namespace meshops
