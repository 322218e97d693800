// SPDX-License-Identifier: GPL-3.0-or-later
import DaemonRuntime
import Logging
import Synchronization
import Testing

@Suite("The log level can change while a daemon runs")
struct LogLevelTests {
  @Test("for every logger at once, but for those with a level of their own")
  func changes() {
    let lines = Mutex<[String]>([])
    let level = LogLevel(.info)
    func logger() -> Logger {
      Logger(label: "a") { label in
        LineLogHandler(label: label, level: level, format: .json) { line in lines.withLock { $0.append(line) } }
      }
    }
    let first = logger()
    var second = logger()
    first.debug("one")
    level.set(.debug)
    first.debug("two")
    second.debug("three")
    second.logLevel = .error
    second.debug("four")
    level.set(.warning)
    first.info("five")
    #expect(lines.withLock { $0.count } == 2)
    #expect(level.current == .warning)
  }

  @Test("is named in the configuration; another word is refused")
  func names() throws {
    #expect(try LogLevel.named(nil) == .info)
    #expect(try LogLevel.named("trace") == .trace)
    let error = #expect(throws: ConfigurationError.self) { _ = try LogLevel.named("loud\n") }
    #expect(error?.description.contains("'loud\\u{a}'") == true)
  }
}
