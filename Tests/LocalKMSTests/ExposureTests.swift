// SPDX-License-Identifier: GPL-3.0-or-later

import DaemonRuntime
import LocalKMS
import Logging
import Synchronization
import Testing

@Suite("A local KMS that other machines reach says so")
struct ExposureTests {
  /// The warnings of a server that is asked to listen on an address.
  private func warnings(host: String) async throws -> [String] {
    let folder = TestFolder()
    let lines = Mutex<[String]>([])
    let logger = Logger(label: "test") { label in
      LineLogHandler(label: label, level: LogLevel(.warning), format: .json) { line in
        lines.withLock { $0.append(line) }
      }
    }
    let configuration = LocalKMSConfiguration(directory: folder.path, host: host, port: 0, isExposed: true)
    let (readiness, ready) = AsyncStream.makeStream(of: Void.self)
    let server = try LocalKMSServer(configuration: configuration, logger: logger) { _ in ready.yield() }
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        // Where this machine has no such address the server ends with that.
        try? await server.run()
        ready.finish()
      }
      for await _ in readiness { break }
      group.cancelAll()
    }
    return lines.withLock { $0 }
  }

  @Test("warns on another address than loopback, and only there")
  func warning() async throws {
    #expect(try await warnings(host: "127.0.0.1").isEmpty)
    // A documentation address (RFC 5737), which no machine has: the warning comes before the attempt to listen.
    let said = try await warnings(host: "192.0.2.1")
    #expect(said.contains { $0.contains("open to other machines") && $0.contains("192.0.2.1") })
  }

  @Test("takes a name that begins like a loopback address for none", arguments: ["127.0.0.x", "127.a.b.c", "127.0.1"])
  func names(host: String) {
    #expect(!LocalKMSConfiguration(directory: "x", host: host).isLoopback)
    #expect(LocalKMSConfiguration(directory: "x", host: "127.1.2.3").isLoopback)
  }
}
