// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import KeyManagement
import LocalKMS
import Testing

@Suite("A certificate that can't be trusted is said so")
struct CertificateTests {
  @Test("an unknown issuer")
  func untrusted() async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      var settings = kms.settings(try await kms.admin.createKey().keyID)
      settings.certificateAuthorityPEM = nil
      let service = try kms.factory.makeService(settings: settings, secret: kms.credentials.secretKey)
      let error = await kmsError { () throws(KMSError) in _ = try await service.describe(deadline: .seconds(300)) }
      #expect(error?.kind == .tls)
      #expect(
        error?.detail == "127.0.0.1:\(kms.ready.port): the TLS certificate is of an unknown issuer, or has expired; "
          + "give the KMS's certificate authority")
    }
  }
}
