// SPDX-License-Identifier: GPL-3.0-or-later

/// What a vault says of the tokens it wants, in the `WWW-Authenticate` header of its 401 (Key Vault, "Authentication").
///
/// It is only ever compared with what the settings say. Nothing is sent where a challenge points: a vault, or somebody
/// in its place, could otherwise have the client secret sent to itself.
struct AzureChallenge: Equatable {
  /// Who issues the tokens: `https://login.microsoftonline.com/TENANT`.
  let authorization: String
  /// What they are for: `https://vault.azure.net`.
  let resource: String

  /// Reads a header `Bearer authorization="…", resource="…"`; nil if it is no such challenge.
  init?(_ header: String) {
    guard header.utf8.count <= 2048, header.lowercased().hasPrefix("bearer ") else { return nil }
    var values: [String: String] = [:]
    for part in header.dropFirst("bearer ".count).split(separator: ",") {
      guard let equals = part.firstIndex(of: "=") else { continue }
      let name = part[..<equals].filter { $0 != " " }.lowercased()
      values[name] = String(part[part.index(after: equals)...].filter { $0 != "\"" && $0 != " " })
    }
    guard let authorization = values["authorization"] ?? values["authorization_uri"],
      let resource = values["resource"] ?? values["scope"]
    else { return nil }
    self.authorization = authorization
    self.resource = resource.hasSuffix("/.default") ? String(resource.dropLast("/.default".count)) : resource
  }

  /// Why this challenge is not one of the key's vault as the settings know it; nil if it is.
  ///
  /// `issuer` is who the settings have tokens issued by, nil if that is the machine.
  func mismatch(with key: AzureKeyID, issuer: HTTPEndpoint?, tenant: String?) -> String? {
    guard resource == key.audience else {
      return "the vault wants tokens for \(AnswerText.cleaned(resource, limit: 100)), not for \(key.audience)"
    }
    guard let issuer else { return nil }
    let parts = authorization.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
    guard authorization.hasPrefix("https://"), parts.count >= 2,
      (try? HTTPEndpoint("https://" + parts[1]))?.authority == issuer.authority
    else {
      return "the vault wants tokens of \(AnswerText.cleaned(authorization, limit: 100)), not of \(issuer.authority)"
    }
    // A tenant given as a domain cannot be compared with the id that the vault gives.
    if let tenant, parts.count >= 3, Self.isUUID(tenant), Self.isUUID(parts[2]),
      tenant.lowercased() != parts[2].lowercased()
    {
      return "the vault belongs to tenant \(parts[2]), the settings name tenant \(tenant)"
    }
    return nil
  }

  private static func isUUID(_ text: String) -> Bool {
    text.utf8.count == 36 && text.allSatisfy { $0.isASCII && ($0.isHexDigit || $0 == "-") }
  }
}
