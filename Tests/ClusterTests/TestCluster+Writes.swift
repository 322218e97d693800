// SPDX-License-Identifier: GPL-3.0-or-later
import Documents

/// Writes as a driver would do them.
extension TestCluster {
  /// Writes a document that has nothing but an `_id` of its own.
  func insert(_ id: Int, into collection: String, of database: String) async throws {
    try await insert([["_id": .integer(id)]], into: collection, of: database)
  }

  /// Writes documents with `_id`s of their own at the primary, one after the other, each again until it is
  /// acknowledged: on a busy machine the primary may change at any moment, and a try whose answer was lost may have
  /// been taken.
  func insert(_ documents: [Document], into collection: String, of database: String) async throws {
    var primary: WireClient?
    for document in documents {
      let command: Document = [
        "insert": .string(collection), "$db": .string(database), "documents": [.document(document)],
      ]
      _ = try await eventually("a document of \(database).\(collection) is written") { () -> Bool? in
        if primary == nil { primary = try? await client(await self.primary()) }
        guard let reply = try? primary?.run(command), Self.isWritten(reply) else {
          primary = nil
          return nil
        }
        return true
      }
    }
  }

  /// Waits until a collection has so many documents, for those who read at the primary, or at `node`.
  func holds(_ count: Int, in collection: String, of database: String, on node: Daemon? = nil) async throws {
    let command: Document = [
      "count": .string(collection), "query": [:], "$db": .string(database),
      "$readPreference": ["mode": .string(node == nil ? "primary" : "secondaryPreferred")],
    ]
    let place = "\(database).\(collection) on \(node?.name ?? "the primary")"
    _ = try await eventually("\(count) documents in \(place)") { () -> Bool? in
      var daemon = node
      if daemon == nil { daemon = try? await primary() }
      guard let daemon, let reply = try? await client(daemon).run(command) else { return nil }
      return reply["n"] == .int32(Int32(count)) ? true : nil
    }
  }

  /// Whether an insert was taken, now or by an earlier try.
  private static func isWritten(_ reply: Document) -> Bool {
    guard reply["ok"] == .double(1) else { return false }
    guard case .array(let errors)? = reply["writeErrors"] else { return true }
    return errors.allSatisfy { isDuplicate($0.value) }
  }

  /// Whether a write was refused because an earlier try of it was taken.
  private static func isDuplicate(_ error: BSONValue) -> Bool {
    guard case .document(let error) = error else { return false }
    return error["code"] == .int32(11_000)
  }
}
