// SPDX-License-Identifier: GPL-3.0-or-later

internal import CCertificates

/// The local KMS's certificates: its own authority, made once, and a server certificate, made at each start.
struct LocalAuthority: Sendable {
  /// How long certificates are valid, in days; a server certificate ends with its authority at the latest.
  static let validDays = 3650

  /// A certificate and its private key as PEM.
  struct Pair: Sendable {
    let certificate: [UInt8]
    let key: [UInt8]
  }

  /// Reads the authority from the folder or makes it, and issues a server certificate.
  static func serverPair(in directory: borrowing StateDirectory, host: String?) throws(LocalKMSError) -> Pair {
    let authority: Pair
    if let key = try directory.read("ca.key") {
      guard let certificate = try directory.read("ca.pem") else {
        throw LocalKMSError(.damaged, "\(directory.path)/ca.pem is missing although ca.key is there; restore it")
      }
      authority = Pair(certificate: certificate, key: key)
    } else {
      authority = try make()
      try directory.replace("ca.pem", with: authority.certificate)
      try directory.replace("ca.key", with: authority.key)  // last: it says that the pair is complete
    }
    return try issue(authority, host)
  }

  /// A server certificate of an authority that nobody knows.
  static func untrustedPair(host: String?) throws(LocalKMSError) -> Pair { try issue(try make(), host) }

  private static func make() throws(LocalKMSError) -> Pair {
    try unsafe pair("an authority") { certificate, certificateCount, key, keyCount in
      unsafe kf_authority_make(
        "Local KMS authority", validDays, certificate, certificateCount, key, keyCount)
    }
  }

  private static func issue(_ authority: Pair, _ host: String?) throws(LocalKMSError) -> Pair {
    let signer = authority.certificate.map { CChar(bitPattern: $0) }
    let signerKey = authority.key.map { CChar(bitPattern: $0) }
    let names = "DNS:localhost,IP:127.0.0.1,IP:::1" + (host.map { ",IP:\($0)" } ?? "")
    return try unsafe pair("a server certificate; is ca.pem the certificate of ca.key?") {
      certificate, certificateCount, key, keyCount in
      unsafe kf_certificate_issue(
        signer, signer.count, signerKey, signerKey.count, names, validDays, certificate, certificateCount, key, keyCount
      )
    }
  }

  private typealias Maker = (
    UnsafeMutablePointer<CChar>, UnsafeMutablePointer<Int>, UnsafeMutablePointer<CChar>, UnsafeMutablePointer<Int>
  ) -> Int32

  private static func pair(_ what: String, _ make: Maker) throws(LocalKMSError) -> Pair {
    var certificate = [CChar](repeating: 0, count: Int(KF_PEM_CAPACITY))
    var key = [CChar](repeating: 0, count: Int(KF_PEM_CAPACITY))
    var (certificateCount, keyCount) = (0, 0)
    guard unsafe make(&certificate, &certificateCount, &key, &keyCount) == 1 else {
      throw LocalKMSError(.cryptography, "OpenSSL cannot make \(what)")
    }
    return Pair(
      certificate: certificate.prefix(certificateCount).map { UInt8(bitPattern: $0) },
      key: key.prefix(keyCount).map { UInt8(bitPattern: $0) })
  }
}
