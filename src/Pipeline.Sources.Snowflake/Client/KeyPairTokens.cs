using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Pipeline.Core;

namespace Pipeline.Sources.Snowflake.Client;

/// <summary>Signs JWTs (RS256) with the user's private key; Snowflake knows the public one.</summary>
internal sealed class KeyPairTokens(string source, SnowflakeSecurityOptions.KeyPair auth, ISecretStore secrets, TimeProvider time) : Tokens(time)
{
    /// <summary>Snowflake accepts at most an hour, by its own clock.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(55);

    public override string Type => "KEYPAIR_JWT";

    protected override async ValueTask<AccessToken> CreateAsync(CancellationToken cancellationToken)
    {
        using var key = RSA.Create();
        var pem = await secrets.RevealAsync(auth.KeyPem, cancellationToken);
        var passphrase = auth.KeyPassword is { } secret ? await secrets.RevealAsync(secret, cancellationToken) : null;
        try
        {
            if (passphrase is not null) key.ImportFromEncryptedPem(pem, passphrase);
            else key.ImportFromPem(pem);
        }
        // Their messages may quote the key, so they are not passed on.
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            throw new PipelineException(FaultKind.NotAuthorised, $"Source {source}", "the private key cannot be read",
                "security.key-pem must be an RSA key in PEM form; an encrypted one needs security.key-password.");
        }

        var subject = $"{auth.Account.ToUpperInvariant().Replace('.', '-')}.{auth.Username.ToUpperInvariant()}";
        var fingerprint = Convert.ToBase64String(SHA256.HashData(key.ExportSubjectPublicKeyInfo()));
        var now = Time.GetUtcNow();
        var claims = JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, object>(StringComparer.Ordinal)
        {
            ["iss"] = $"{subject}.SHA256:{fingerprint}",
            ["sub"] = subject,
            ["iat"] = now.ToUnixTimeSeconds(),
            ["exp"] = (now + Lifetime).ToUnixTimeSeconds(),
        });
        var content = $"{Base64Url.EncodeToString("""{"alg":"RS256","typ":"JWT"}"""u8)}.{Base64Url.EncodeToString(claims)}";
        var signature = key.SignData(Encoding.ASCII.GetBytes(content), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        return new AccessToken($"{content}.{Base64Url.EncodeToString(signature)}", now + Lifetime);
    }
}
