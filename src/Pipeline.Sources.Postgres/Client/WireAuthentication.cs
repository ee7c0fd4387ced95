using System.Buffers.Binary;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Npgsql;

namespace Pipeline.Sources.Postgres.Client;

/// <summary>
/// The server's questions after the start-up message (manual 55.2.1): none, clear text, MD5, SCRAM-SHA-256. A password in clear text is
/// told to nobody without encryption.
/// </summary>
/// <param name="tls">The encryption; null: there is none.</param>
internal sealed class WireAuthentication(WireConnection connection, PostgresSecurityOptions security, string? password, SslStream? tls)
{
    public const string InClearText = "the password in clear text";

    private const int Ok = 0, ClearText = 3, Md5 = 5, Sasl = 10, SaslContinue = 11, SaslFinal = 12;

    /// <summary>Answers until the server is ready for queries.</summary>
    /// <exception cref="NpgsqlException">The server asks for what is not given.</exception>
    public void Run()
    {
        ScramClient? scram = null;
        byte type;
        while ((type = connection.Read(out var content)) != (byte)'Z')
        {
            if (type == (byte)'K') connection.ProcessId = BinaryPrimitives.ReadInt32BigEndian(content);
            if (type != (byte)'R') continue;
            var request = BinaryPrimitives.ReadInt32BigEndian(content);
            var data = content[sizeof(int)..];
            switch (request)
            {
                case Ok:
                    break;
                case ClearText:
                    if (tls is null) throw new NpgsqlException($"the server asks for {InClearText}, and nothing is encrypted: it is not told");
                    RequireNoBinding(InClearText);
                    connection.Send((byte)'p', [.. Encoding.UTF8.GetBytes(Required(password)), 0]);
                    break;
                case Md5:
                    RequireNoBinding("an MD5 password");
                    var inner = HexMd5([.. Encoding.UTF8.GetBytes(Required(password) + security.Username)]);
                    connection.Send((byte)'p', [.. "md5"u8, .. Encoding.ASCII.GetBytes(HexMd5([.. Encoding.ASCII.GetBytes(inner), .. data])), 0]);
                    break;
                case Sasl:
                    // Names that end with zeroes, and a zero (manual 55.7, AuthenticationSASL).
                    var isOffered = tls is not null && Encoding.ASCII.GetString(data).Split('\0').Contains("SCRAM-SHA-256-PLUS", StringComparer.Ordinal);
                    if (!isOffered) RequireNoBinding("SCRAM without channel binding");
                    scram = new ScramClient(Required(password), isOffered ? ScramBinding.To(tls!) : tls is null ? ScramBinding.None : ScramBinding.NotOffered);
                    var first = Encoding.UTF8.GetBytes(scram.FirstMessage);
                    var length = new byte[sizeof(int)];
                    BinaryPrimitives.WriteInt32BigEndian(length, first.Length);
                    connection.Send((byte)'p', [.. isOffered ? "SCRAM-SHA-256-PLUS\0"u8 : "SCRAM-SHA-256\0"u8, .. length, .. first]);
                    break;
                case SaslContinue when scram is not null:
                    connection.Send((byte)'p', Encoding.UTF8.GetBytes(scram.Answer(Encoding.UTF8.GetString(data))));
                    break;
                case SaslFinal when scram is not null:
                    scram.Verify(Encoding.UTF8.GetString(data));
                    break;
                default:
                    throw new NpgsqlException($"the server asks for authentication of kind {request}, which is not supported; use SCRAM or a client certificate");
            }
        }
    }

    private void RequireNoBinding(string method)
    {
        if (security.ChannelBinding == ChannelBindingMode.Require)
            throw new NpgsqlException($"the server asks for {method}, and channel binding is required");
    }

    private static string Required(string? password) => password ?? throw new PostgresException("no password supplied", "FATAL", "FATAL", PostgresErrorCodes.InvalidPassword);

    private static string HexMd5(byte[] bytes)
    {
#pragma warning disable CA5351 // The server's protocol asks for it.
        return Convert.ToHexStringLower(MD5.HashData(bytes));
#pragma warning restore CA5351
    }
}

/// <summary>What a password is bound to (RFC 5802, section 7).</summary>
/// <param name="Header">The <c>gs2-header</c>.</param>
/// <param name="Data">The binding's data.</param>
internal sealed record ScramBinding(string Header, byte[] Data)
{
    /// <summary>There is no encryption.</summary>
    public static readonly ScramBinding None = new("n,,", []);

    /// <summary>We could, and the server did not offer it; it refuses if it had.</summary>
    public static readonly ScramBinding NotOffered = new("y,,", []);

    /// <summary>The hash of the server's certificate (RFC 5929, section 4).</summary>
    public static ScramBinding To(SslStream tls)
    {
        using var certificate = new X509Certificate2(tls.RemoteCertificate!);
        var hash = certificate.SignatureAlgorithm.FriendlyName switch
        {
            { } name when name.Contains("384", StringComparison.Ordinal) => HashAlgorithmName.SHA384,
            { } name when name.Contains("512", StringComparison.Ordinal) => HashAlgorithmName.SHA512,
            // Older ones than SHA-256 are taken for it.
            _ => HashAlgorithmName.SHA256,
        };
        return new ScramBinding("p=tls-server-end-point,,", certificate.GetCertHash(hash));
    }

    /// <summary>What the proof holds of it.</summary>
    public string Text => Convert.ToBase64String([.. Encoding.ASCII.GetBytes(Header), .. Data]);
}

/// <summary>The client's side of SCRAM-SHA-256 (RFC 7677, RFC 5802).</summary>
internal sealed class ScramClient(string password, ScramBinding binding)
{
    private readonly string _nonce = Convert.ToBase64String(RandomNumberGenerator.GetBytes(18));
    private byte[] _serverSignature = [];

    private string FirstBare => $"n=*,r={_nonce}";

    /// <summary>The user's name stands in the start-up message; here the server ignores it.</summary>
    public string FirstMessage => binding.Header + FirstBare;

    /// <summary>The answer to the server's challenge.</summary>
    public string Answer(string challenge)
    {
        var fields = Fields(challenge);
        if (!fields['r'].StartsWith(_nonce, StringComparison.Ordinal)) throw new NpgsqlException("the server's SCRAM nonce is not an extension of ours");
        var salted = Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(password.Normalize(NormalizationForm.FormKC)), Convert.FromBase64String(fields['s']), int.Parse(fields['i']),
            HashAlgorithmName.SHA256, outputLength: 32);
        var clientKey = Hmac(salted, "Client Key");
        var withoutProof = $"c={binding.Text},r={fields['r']}";
        var authMessage = $"{FirstBare},{challenge},{withoutProof}";
        var proof = Hmac(SHA256.HashData(clientKey), authMessage);
        for (var i = 0; i < proof.Length; i++) proof[i] ^= clientKey[i];
        _serverSignature = Hmac(Hmac(salted, "Server Key"), authMessage);
        return $"{withoutProof},p={Convert.ToBase64String(proof)}";
    }

    /// <summary>The server must know the password too.</summary>
    public void Verify(string final)
    {
        if (!CryptographicOperations.FixedTimeEquals(Convert.FromBase64String(Fields(final)['v']), _serverSignature))
            throw new NpgsqlException("the server's SCRAM signature is wrong: it does not know the password");
    }

    private static byte[] Hmac(byte[] key, string text) => HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text));

    private static Dictionary<char, string> Fields(string message) =>
        message.Split(',').Where(field => field.Length > 2).ToDictionary(field => field[0], field => field[2..]);
}
