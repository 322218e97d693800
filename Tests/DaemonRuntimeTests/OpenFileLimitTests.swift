// SPDX-License-Identifier: GPL-3.0-or-later
import Glibc
import Logging
import Testing

@testable import DaemonRuntime

@Suite("How many files a daemon may have open")
struct OpenFileLimitTests {
  @Test("is raised to what the system allows at most")
  func raises() async {
    await #expect(processExitsWith: .success) {
      var low = rlimit(rlim_cur: 256, rlim_max: 700)
      let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
      #expect(unsafe setrlimit(resource, &low) == 0)
      OpenFileLimit.raise(toHold: 600, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
      #expect(OpenFileLimit.current == OpenFileLimit(soft: 700, hard: 700))
    }
  }

  @Test("is warned about when it is below what a daemon's limits need, with what to do")
  func warns() throws {
    let warning = try #require(OpenFileLimit(soft: 1_024, hard: 1_024).warning(needed: OpenFileLimit.agent))
    #expect(warning.contains("1024") && warning.contains("4096") && warning.contains("LimitNOFILE"))
    #expect(OpenFileLimit(soft: 4_096, hard: 4_096).warning(needed: OpenFileLimit.agent) == nil)
  }
}
