// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Secrets
import Testing

@testable import DaemonRuntime

@Suite("A token is one line, read whole or not at all")
struct JoinTokenTests {
  private let secret = "0Az.-:+=^!/*?&<>()[]{}@%$#0123456789abcd"
  private let key = "k.-:+=^!/*?&<>()[]{}@%$#0123456789abcdefg"

  private func bytes(_ text: String) throws -> SecretBytes { try SecretBytes(copying: Array(text.utf8)) }

  private func text(_ token: JoinToken) throws -> String {
    String(decoding: try token.line().unprotectedCopy(), as: UTF8.self)
  }

  @Test("comes out as it went in, with every character a key may have", arguments: ["10.0.0.7:7440", "[::1]:7440"])
  func roundTrip(address: String) throws {
    let token = JoinToken(
      node: NodeName(checked: "node-a"), coordinator: address, coordinatorKey: key, secretKey: Secret(try bytes(secret))
    )
    let line = try text(token)
    #expect(line == "keyfold-join-1,node-a,\(address),\(key),\(secret)")
    let read = try JoinToken(line: try bytes(line))
    #expect(read.node == token.node && read.coordinator == address && read.coordinatorKey == key)
    #expect(read.secretKey.isEqual(to: token.secretKey))
  }

  @Test(
    "is refused if a part is missing or it is something else, without showing what it was",
    arguments: [
      "", ",", ",,,,", "keyfold-join-1,node-a,h:1,k,", "keyfold-join-2,node-a,h:1,k,SECRET",
      "keyfold-join-1,../x,h:1,k,SECRET", "keyfold-join-1,node-a,h:1,SECRET", "keyfold-join-1,node-a,h:1,k,x,SECRET",
    ])
  func garbage(line: String) throws {
    do {
      _ = try JoinToken(line: try bytes(line.isEmpty ? " " : line))
      Issue.record("it was taken")
    } catch let error as ConfigurationError {
      #expect(error.code == .notJSON && !error.description.contains("SECRET"))
    }
  }
}
