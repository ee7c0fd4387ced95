using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Pipeline.Emulation.Snowflake;

/// <summary>
/// Issues and checks the bearer tokens: OAuth access tokens of its own (signed, short-lived, bound to a role) and key-pair
/// JWTs signed by the user's private key.
/// </summary>
internal sealed class SnowflakeTokens(SnowflakeServerOptions options)
{
    private const string RoleScopePrefix = "session:role:";
    private const string AnyRole = "session:role-any";
    private static readonly TimeSpan KeyPairLifetimeMax = TimeSpan.FromHours(1);

    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);

    /// <summary>The token endpoint of RFC 6749, section 4.4: client credentials in the form.</summary>
    public (int Status, JsonObject Body) Issue(IReadOnlyDictionary<string, string> form)
    {
        if (form.GetValueOrDefault("grant_type") != "client_credentials") return Refuse(400, "unsupported_grant_type");
        if (form.GetValueOrDefault("client_id") != options.ClientId || form.GetValueOrDefault("client_secret") != options.ClientSecret)
            return Refuse(401, "invalid_client");
        var scope = form.GetValueOrDefault("scope") ?? "";
        if (scope != AnyRole && !options.Roles.Any(role => scope == RoleScopePrefix + role)) return Refuse(400, "invalid_scope");

        var now = options.Time.GetUtcNow();
        var token = Sign(new JsonObject
        {
            ["iss"] = "emulated-identity-provider",
            ["aud"] = options.Account,
            ["sub"] = options.User,
            ["scp"] = scope,
            ["iat"] = now.ToUnixTimeSeconds(),
            ["exp"] = (now + options.TokenLifetime).ToUnixTimeMilliseconds() / 1000.0,
        });
        return (200, new JsonObject
        {
            ["access_token"] = token,
            ["token_type"] = "Bearer",
            ["expires_in"] = (long)options.TokenLifetime.TotalSeconds,
            ["scope"] = scope,
        });
    }

    /// <summary>Checks a bearer token; returns the roles it opens.</summary>
    /// <exception cref="SnowflakeError">401 with Snowflake's code.</exception>
    public IReadOnlyList<string> Check(string? authorization, string? tokenType)
    {
        const string bearer = "Bearer ";
        if (authorization is null || !authorization.StartsWith(bearer, StringComparison.Ordinal))
            throw new SnowflakeError(401, "390101", "08001", "Authorization header not found in the request data.");
        var parts = authorization[bearer.Length..].Split('.');
        if (parts.Length != 3 || Decode(parts[0]) is not { } header || Decode(parts[1]) is not { } claims || !TryBytes(parts[2], out var signature))
            throw tokenType == "KEYPAIR_JWT" ? SnowflakeError.InvalidJwt() : SnowflakeError.InvalidToken();

        var signed = Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}");
        return (string?)header["alg"] == "RS256" ? CheckKeyPair(claims, signed, signature) : CheckOAuth(claims, signed, signature);
    }

    private IReadOnlyList<string> CheckOAuth(JsonObject claims, byte[] signed, byte[] signature)
    {
        if (!CryptographicOperations.FixedTimeEquals(HMACSHA256.HashData(_key, signed), signature)) throw SnowflakeError.InvalidToken();
        if ((double)claims["exp"]! <= Now) throw SnowflakeError.ExpiredToken();
        var scope = (string)claims["scp"]!;
        return scope == AnyRole ? options.Roles : [scope[RoleScopePrefix.Length..]];
    }

    private IReadOnlyList<string> CheckKeyPair(JsonObject claims, byte[] signed, byte[] signature)
    {
        if (options.PublicKey is null) throw SnowflakeError.InvalidJwt();
        using var key = RSA.Create();
        key.ImportFromPem(options.PublicKey);
        var fingerprint = Convert.ToBase64String(SHA256.HashData(key.ExportSubjectPublicKeyInfo()));
        var subject = $"{options.Account}.{options.User}";
        var isGenuine = key.VerifyData(signed, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            && (string?)claims["sub"] == subject
            && (string?)claims["iss"] == $"{subject}.SHA256:{fingerprint}"
            && claims["iat"] is JsonValue && claims["exp"] is JsonValue;
        if (!isGenuine) throw SnowflakeError.InvalidJwt();
        var (issued, expires) = ((double)claims["iat"]!, (double)claims["exp"]!);
        if (expires <= Now) throw new SnowflakeError(401, "390198", "08001", "JWT token has expired.");
        if (issued > Now + 60 || expires - issued > KeyPairLifetimeMax.TotalSeconds) throw SnowflakeError.InvalidJwt();
        return options.Roles;
    }

    private double Now => options.Time.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0;

    private string Sign(JsonObject claims)
    {
        var content = $"{Encode(new JsonObject { ["alg"] = "HS256", ["typ"] = "JWT" })}.{Encode(claims)}";
        return $"{content}.{Base64Url.EncodeToString(HMACSHA256.HashData(_key, Encoding.ASCII.GetBytes(content)))}";
    }

    private static string Encode(JsonObject json) => Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(json));

    private static JsonObject? Decode(string part)
    {
        if (!TryBytes(part, out var bytes)) return null;
        try
        {
            return JsonNode.Parse(bytes) as JsonObject;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static bool TryBytes(string part, out byte[] bytes)
    {
        bytes = [];
        if (!Base64Url.IsValid(part)) return false;
        bytes = Base64Url.DecodeFromChars(part);
        return true;
    }

    private static (int, JsonObject) Refuse(int status, string error) => (status, new JsonObject { ["error"] = error });
}
