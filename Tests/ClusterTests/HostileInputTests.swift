// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Foundation
import Testing

@Suite("Garbage at every socket and command", .serialized, .timeLimit(.minutes(10))) struct HostileInputTests {
  @Test("is refused; every process lives on and serves")
  func sockets() async throws {
    try await TestCluster.with(nodes: 1) { cluster in
      var random = SeededGenerator(state: 42)
      let daemons = [cluster.kms, cluster.coordinator, cluster.nodes[0]]
      for daemon in daemons {
        for port in try await daemon.ready().values {
          for garbage in Self.garbage(&random) {
            let client = try WireClient(port: port, timeoutSeconds: 1)
            try? client.send(garbage)
          }
        }
        #expect(daemon.isRunning, "\(daemon.name) died")
      }
      try cluster.encrypt()
      try await cluster.insert(1, into: "g", of: "garbage")
    }
  }

  @Test("a command that makes no sense says why and what to do, with the exit code of its kind")
  func commands() async throws {
    try await TestCluster.with(nodes: 1) { cluster in
      let expectations: [(arguments: [String], status: Int32)] = [
        (["cluster", "show", "nowhere"], 4), (["cluster", "create", "orders", "--project", "shop"], 4),
        (["cluster", "encrypt", "orders"], 4),
        (["node", "enroll", "bad name!", "--cluster", "orders", "--key", "x"], 2),
        (["kms", "set", "shop", "--key", "alias/mine", "--local-kms", cluster.root + "/kms"], 2),
        (["project", "create", ""], 2), (["frobnicate"], 2), (["plan", "show", "zzz"], 4),
      ]
      for (arguments, status) in expectations {
        let result = try cluster.run(["keyfold"] + arguments)
        #expect(result.status == status, "\(arguments): \(result.output)")
        #expect(result.output.count > 20, "\(arguments) says nothing of use")
      }
      cluster.coordinator.kill9()
      #expect(try cluster.run(["keyfold", "node", "list", "--timeout", "2"]).status == 3)
    }
  }

  private static func garbage(_ random: inout SeededGenerator) -> [[UInt8]] {
    var noise: [UInt8] = []
    for _ in 0..<4_096 { noise.append(UInt8.random(in: 0...255, using: &random)) }
    let greeting: [UInt8] =
      [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 0] + Array("CURVE".utf8) + [UInt8](repeating: 0, count: 47)
    let hugeMessage: [UInt8] = [0xFF, 0xFF, 0xFF, 0x7F, 1, 0, 0, 0, 0, 0, 0, 0, 0xDD, 7, 0, 0, 0, 0, 0, 0]
    let nested = [UInt8](repeating: 3, count: 8_192)
    return [
      noise, [], [0], Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8), greeting, hugeMessage, nested,
      [16, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xDD, 7, 0, 0],
    ]
  }
}
