// SPDX-License-Identifier: GPL-3.0-or-later
import Logging
import Testing

@testable import AgentRuntime

@Suite("A process that gives up its keys does not go on with them")
struct ImageReplacementTests {
  @Test("it begins anew")
  func replaces() async {
    await #expect(processExitsWith: .exitCode(7)) {
      let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
      ImageReplacement(image: "/bin/sh", logger: logger).perform(arguments: ["sh", "-c", "exit 7"])
    }
  }

  @Test("or ends, if its image can't be replaced")
  func ends() async {
    await #expect(processExitsWith: .exitCode(1)) {
      let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
      ImageReplacement(image: "/nowhere/at/all", logger: logger).perform(arguments: ["x"])
    }
  }
}
