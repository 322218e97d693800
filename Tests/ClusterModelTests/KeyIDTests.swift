// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@Suite("A key's id names what it encrypts")
struct KeyIDTests {
  private static let uuid = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"

  @Test("reads back what it makes", arguments: [KeyScope.system, .oplog, .database(DatabaseName(checked: "shop-ö"))])
  func roundTrip(scope: KeyScope) throws {
    let id = KeyID.random(for: scope)
    #expect(try KeyID(id.text) == id && id.scope == scope)
  }

  @Test(
    "refuses prefixes that are no database's name and none of its own",
    arguments: ["", "$", "$other", "a.b", "a$b", ".", "a b", "a/b", String(repeating: "x", count: 64)])
  func refuses(prefix: String) {
    #expect(throws: ModelError.self) { try KeyID(prefix + "." + Self.uuid) }
  }

  @Test("refuses what has no UUID behind its prefix", arguments: ["a", "a.b", "shop.", "shop-aaaaaaaa"])
  func noUUID(text: String) {
    #expect(throws: ModelError.self) { try KeyID(text) }
  }
}
