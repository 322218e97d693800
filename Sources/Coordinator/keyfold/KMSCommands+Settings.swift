// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Foundation
internal import LocalKMS
internal import Secrets

/// From options to settings and secret.
extension KMSCommands.Set {
  /// Settings and secret as the options give them.
  func given() throws(OperatorFailure) -> (KMSSettings, Secret) {
    guard let accessKeyID, let secretFile else {
      throw OperatorFailure(
        .invalid, what: "The credentials are missing.",
        next: "Give --access-key-id ID and --secret-file FILE (or - for standard input).")
    }
    let settings = KMSSettings(
      provider: try checkedProvider(), keyID: key, region: try checkedRegion(), endpoint: endpoint,
      certificateAuthorityPEM: try caFile.map { (file) throws(OperatorFailure) in try Self.authority(file) },
      accessKeyID: accessKeyID)
    return (settings, try SecretInput.read(secretFile, prompt: "secret access key of \(accessKeyID): "))
  }

  /// Settings and secret of the local KMS of a folder.
  func local(_ folder: String) throws(OperatorFailure) -> (KMSSettings, Secret) {
    do {
      let ready = try LocalKMSReady(directory: folder)
      let credentials = try LocalKMSCredentials(file: "\(folder)/\(LocalKMSServer.credentialsFile)")
      let settings = KMSSettings(
        provider: .aws, keyID: key, region: try checkedRegion(), endpoint: endpoint ?? ready.endpoint,
        certificateAuthorityPEM: try Self.authority("\(folder)/\(LocalKMSServer.authorityFile)"),
        accessKeyID: credentials.accessKeyID)
      return (settings, credentials.secretKey)
    } catch let error as OperatorFailure {
      throw error
    } catch let error as LocalKMSError {
      throw OperatorFailure(error, folder: folder)
    } catch {
      throw OperatorFailure(.failed, what: "The local KMS of \(folder) can't be used.", why: "\(error)")
    }
  }

  private func checkedProvider() throws(OperatorFailure) -> KMSProvider {
    if let known = KMSProvider(rawValue: provider) { return known }
    throw OperatorFailure(
      .invalid, what: "There is no provider '\(provider)'.",
      next: "Name one of \(KMSProvider.allCases.map(\.rawValue).joined(separator: ", ")).")
  }

  private func checkedRegion() throws(OperatorFailure) -> String {
    let parts = key.split(separator: ":", omittingEmptySubsequences: false)
    if let region = region ?? (parts.count == 6 ? String(parts[3]) : nil) { return region }
    throw OperatorFailure(
      .invalid, what: "The key's region is not known.", why: "The key is not named by its ARN.",
      next: "Give the full ARN with --key, arn:aws:kms:REGION:ACCOUNT:key/ID.")
  }

  private static func authority(_ file: String) throws(OperatorFailure) -> String {
    if let pem = try? String(contentsOf: URL(fileURLWithPath: file), encoding: .utf8),
      pem.contains("-----BEGIN CERTIFICATE-----")
    {
      return pem
    }
    throw OperatorFailure(
      .invalid, what: "The file \(file) holds no certificate.",
      next: "Give a readable file with PEM certificates, -----BEGIN CERTIFICATE----- and so on, to --ca-file.")
  }
}
