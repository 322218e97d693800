// SPDX-License-Identifier: GPL-3.0-or-later
import Glibc
import Logging
import Testing

@testable import AgentRuntime

@Suite("A process that was told to stop stops")
struct LastWaitTests {
  @Test("also when its engine never closes")
  func neverCloses() async {
    await #expect(processExitsWith: .exitCode(1)) {
      let wait = LastWait(limit: .milliseconds(50), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
      // A wait that nothing ends, not even being cancelled, as for a thread that hangs in the disk.
      await wait.run { await withCheckedContinuation { (_: CheckedContinuation<Void, Never>) in } }
    }
  }

  @Test("and does not when the engine closes in time")
  func closes() async {
    await #expect(processExitsWith: .exitCode(7)) {
      let wait = LastWait(limit: .seconds(60), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
      await wait.run {}
      exit(7)
    }
  }
}
