// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import Foundation
import KeyManagement
import LocalKMS
import Secrets
import Testing

@Suite("The audit log of a local KMS")
struct AuditTests {
  @Test("has one line per call, with its time, caller, operation, key, context and outcome, and no secret")
  func lines() async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      let key = try await kms.admin.createKey().keyID
      let service = try kms.service(key)
      let master = try SecretBytes.random(count: 32)
      let wrapped = try await service.wrap(master, context: nodeContext, deadline: .seconds(300))
      try await kms.admin.disable(key)
      let error = await kmsError { () async throws(KMSError) in
        _ = try await service.unwrap(wrapped, context: nodeContext, deadline: .seconds(300))
      }
      let lines = try kms.audit()
      #expect(lines.map { $0["operation"] } == ["CreateKey", "Encrypt", "DisableKey", "Decrypt"])
      #expect(lines.map { $0["outcome"] } == ["OK", "OK", "OK", "DisabledException"])
      #expect(lines.last?["requestId"] == error?.requestID)
      #expect(lines.allSatisfy { $0["time"]?.hasSuffix("Z") == true && $0["time"]?.count == 20 })
      let text = try String(contentsOfFile: "\(kms.directory)/audit.jsonl", encoding: .utf8)
      #expect(text.contains(#""encryptionContext":{"keyfold:cluster":"orders","keyfold:node":"orders-1""#))
      let secret = kms.credentials.secretKey.withSecret { String(decoding: $0.unprotectedCopy(), as: UTF8.self) }
      #expect(!text.contains(secret))
      #expect(!text.contains(Data(master.unprotectedCopy()).base64EncodedString()))
    }
  }

  @Test("many callers at once each get their own answer and their own line")
  func concurrency() async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      let key = try await kms.admin.createKey().keyID
      let service = try kms.service(key)
      try await withThrowingTaskGroup(of: Bool.self) { group in
        for _ in 0..<8 {
          group.addTask {
            let master = try SecretBytes.random(count: 32)
            let wrapped = try await service.wrap(master, context: nodeContext, deadline: .seconds(300))
            let unwrapped = try await service.unwrap(wrapped, context: nodeContext, deadline: .seconds(300))
            return unwrapped.isEqual(to: master)
          }
        }
        for try await isSame in group { #expect(isSame) }
      }
      let lines = try kms.audit()
      #expect(lines.count == 17)
      #expect(Set(lines.map { $0["requestId"] }).count == 17)
    }
  }
}
