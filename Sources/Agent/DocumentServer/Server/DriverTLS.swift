// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
internal import NIOSSL
internal import Secrets
internal import Synchronization

/// TLS for drivers with the operator's certificates; 1.2 and later.
public final class DriverTLS: Sendable {
  /// The operator's files, all PEM.
  public struct Files: Sendable {
    /// The certificate with the chain up to the authority, the server's own first.
    public var certificate: String
    /// The private key, readable by its owner only.
    public var key: String
    /// An authority: if it is named, every client has to show a certificate of it.
    public var clientAuthority: String?

    /// Names the files.
    public init(certificate: String, key: String, clientAuthority: String? = nil) {
      self.certificate = certificate
      self.key = key
      self.clientAuthority = clientAuthority
    }
  }

  /// Whether drivers may or have to speak TLS.
  public let mode: DriverTLSMode
  private let files: Files
  private let context: Mutex<NIOSSLContext>

  /// Reads the files. Throws `ServerError` with `certificates` if one can't be used, or if they don't fit together.
  public init(_ mode: DriverTLSMode, files: Files) throws(ServerError) {
    guard mode != .allowed || files.clientAuthority == nil else {
      throw ServerError(
        .certificates,
        "caFile makes every driver show a certificate, but with the mode 'allowed' one without TLS shows none: set "
          + "mode to 'required', or leave caFile out")
    }
    self.mode = mode
    self.files = files
    context = Mutex(try Self.read(files))
  }

  /// Reads the files again: connections made from now on use what is in them, open ones stay. Throws as `init` does,
  /// and then goes on with what it had.
  public func reload() throws(ServerError) {
    let fresh = try Self.read(files)
    context.withLock { $0 = fresh }
  }

  func makeHandler() -> NIOSSLServerHandler { NIOSSLServerHandler(context: context.withLock { $0 }) }

  private static func read(_ files: Files) throws(ServerError) -> NIOSSLContext {
    func unusable(_ what: String, _ why: any Error) -> ServerError {
      ServerError(.certificates, "\(what) for drivers can't be used: \(why)", underlying: why)
    }
    let chain: [NIOSSLCertificate]
    do { chain = try NIOSSLCertificate.fromPEMFile(files.certificate) } catch {
      throw unusable("the certificate file \(files.certificate)", error)
    }
    let key: NIOSSLPrivateKey
    do {
      var bytes = try SecretFile.read(files.key).unprotectedCopy()
      defer { SecretBytes.wipe(&bytes) }
      key = try NIOSSLPrivateKey(bytes: bytes, format: .pem)
    } catch {
      throw unusable("the key file \(files.key)", error)
    }
    var settings = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
    settings.minimumTLSVersion = .tlsv12
    if let authority = files.clientAuthority {
      do { settings.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authority)) } catch {
        throw unusable("the authority file \(authority)", error)
      }
      // Of a client nothing but its authority is known.
      settings.certificateVerification = .noHostnameVerification
    }
    do { return try NIOSSLContext(configuration: settings) } catch {
      throw unusable("the certificate \(files.certificate) with the key \(files.key)", error)
    }
  }
}
