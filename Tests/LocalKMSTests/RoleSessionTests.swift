// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import Foundation
import KeyManagement
import LocalKMS
import Secrets
import Testing

@Suite("Sessions of a role")
struct RoleSessionTests {
  private let deadline = Duration.seconds(300)

  /// Asks the metadata service; answers the body.
  private func metadata(_ kms: RunningKMS, _ line: String, _ header: String) async throws -> String {
    let port = Int(try #require(kms.ready.metadataEndpoint?.split(separator: ":").last))
    let request = "\(line) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-aws-ec2-metadata-\(header)\r\n\r\n"
    let answer = try await HostileClientTests().exchange(kms, Array(request.utf8), tls: false, port: port)
    return String(try #require(answer.split(separator: "\r\n\r\n").last))
  }

  @Test("a machine's session uses keys, until the role is denied one, expires or is removed")
  func machine() async throws {
    let folder = TestFolder()
    let clock = TestClock()
    try await withLocalKMS(folder.path, serverClock: clock, configure: { $0.metadataPort = 0 }) { kms in
      _ = try await kms.admin.createRole("keyfold")
      try await kms.admin.setMachine(role: "keyfold", client: nil, serviceAccount: nil)
      let token = try await metadata(kms, "PUT /latest/api/token", "token-ttl-seconds: 3600")
      let path = "/latest/meta-data/iam/security-credentials/"
      #expect(try await metadata(kms, "GET \(path)", "token: \(token)") == "keyfold")
      let answer = try await metadata(kms, "GET \(path)keyfold", "token: \(token)")
      let issued = try JSONDecoder().decode([String: String].self, from: Data(answer.utf8))
      let secret = try SecretBytes(copying: Array((issued["SecretAccessKey"] ?? "").utf8))
      let session = try SecretBytes(copying: Array((issued["Token"] ?? "").utf8))
      let key = try await kms.admin.createKey().keyID
      let service = try kms.factory.makeService(
        settings: kms.settings(key, accessKeyID: issued["AccessKeyId"]), secret: Secret(secret),
        sessionToken: Secret(session))
      let wrapped = try await service.wrap(try SecretBytes.random(count: 32), context: nodeContext, deadline: deadline)
      func unwrap() async -> KMSError? {
        await kmsError { () async throws(KMSError) in
          _ = try await service.unwrap(wrapped, context: nodeContext, deadline: deadline)
        }
      }
      #expect(await unwrap() == nil)
      try await kms.admin.setDenied(true, accessKeyID: "role/keyfold", keyID: key)
      #expect(await unwrap()?.kind == .accessDenied)
      try await kms.admin.setDenied(false, accessKeyID: "role/keyfold", keyID: key)
      #expect(await unwrap() == nil)
      clock.set(offsetSeconds: 3700)
      kms.clientClock.set(offsetSeconds: 3700)
      guard case .unreachable(.credentialsExpired, _)? = await unwrap()?.verdict else { throw Unexpected() }
      clock.set(offsetSeconds: 0)
      kms.clientClock.set(offsetSeconds: 0)
      #expect(await unwrap() == nil)
      try await kms.admin.deleteRole("keyfold")
      #expect(await unwrap()?.kind == .credentialsRefused)
      _ = try await kms.admin.createRole("keyfold")
      #expect(await unwrap()?.kind == .credentialsRefused)
    }
  }
}
