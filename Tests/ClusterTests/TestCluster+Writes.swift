// SPDX-License-Identifier: GPL-3.0-or-later
import Documents

/// Writes as a driver would do them.
extension TestCluster {
  /// Writes a document with an `_id` of its own at the primary, again until that is acknowledged: on a busy machine the
  /// primary may change at any moment, and a try whose answer was lost may have been taken.
  func insert(_ id: Int, into collection: String, of database: String) async throws {
    let command: Document = [
      "insert": .string(collection), "$db": .string(database), "documents": [["_id": .integer(id)]],
    ]
    _ = try await eventually("document \(id) of \(database) is written") { () -> Bool? in
      guard let primary = try? await primary(), let reply = try? await client(primary).run(command),
        reply["ok"] == .double(1)
      else { return nil }
      guard case .array(let errors)? = reply["writeErrors"] else { return true }
      return errors.allSatisfy { Self.isDuplicate($0.value) } ? true : nil
    }
  }

  /// Whether a write was refused because an earlier try of it was taken.
  private static func isDuplicate(_ error: BSONValue) -> Bool {
    guard case .document(let error) = error else { return false }
    return error["code"] == .int32(11_000)
  }
}
