using Pipeline.Configuration;
using Pipeline.Core;

namespace Pipeline.Sources.Postgres;

/// <summary>How the connection is encrypted and the server's identity checked, in PostgreSQL's own words.</summary>
public enum TlsMode
{
    /// <summary>Certificate from the given authority, for the host that was dialled.</summary>
    VerifyFull,

    /// <summary>Certificate from the given authority, for any host.</summary>
    VerifyCa,

    /// <summary>Encrypted, towards whoever answers.</summary>
    Require,

    /// <summary>Not encrypted: for a network that is private by other means.</summary>
    Disable,
}

/// <summary>Whether a password proves itself for one encryption only, so that nobody between can pass it on (RFC 5929, <c>tls-server-end-point</c>).</summary>
public enum ChannelBindingMode
{
    /// <summary>Where the server offers it.</summary>
    Prefer,

    /// <summary>A server that does not is refused.</summary>
    Require,
}

/// <summary>Encryption and credentials of a PostgreSQL source; the section <c>security</c>.</summary>
public sealed record PostgresSecurityOptions
{
    private static readonly PostgresSecurityOptions Defaults = new() { Username = "" };

    /// <summary>Default <c>verify-full</c>.</summary>
    public TlsMode Tls { get; init; } = TlsMode.VerifyFull;

    /// <summary>The role as which the database is read.</summary>
    public required string Username { get; init; }

    /// <summary>Null with a client certificate.</summary>
    public Secret? Password { get; init; }

    /// <summary>Of a password over TLS. Default <c>prefer</c>.</summary>
    public ChannelBindingMode ChannelBinding { get; init; } = ChannelBindingMode.Prefer;

    /// <summary>PEM of the authorities to trust; the system's when it is not given.</summary>
    public string? CaFile { get; init; }

    /// <summary>PEM of our own certificate, which takes the password's place.</summary>
    public string? CertificateFile { get; init; }

    /// <summary>PEM of its key.</summary>
    public string? KeyFile { get; init; }

    internal static PostgresSecurityOptions Bind(SettingsReader settings)
    {
        var options = new PostgresSecurityOptions
        {
            Tls = settings.Choice<TlsMode>("tls", Defaults.Tls),
            Username = settings.String("username"),
            Password = settings.OptionalSecret("password"),
            ChannelBinding = settings.Choice<ChannelBindingMode>("channel-binding", Defaults.ChannelBinding),
            CaFile = settings.OptionalString("ca-file"),
            CertificateFile = settings.OptionalString("certificate-file"),
            KeyFile = settings.OptionalString("key-file"),
        };
        if (options.CertificateFile is null != options.KeyFile is null)
            settings.Report("certificate-file", "certificate-file and key-file belong together: give both or neither");
        if (options is { ChannelBinding: ChannelBindingMode.Require, Tls: TlsMode.Disable })
            settings.Report("channel-binding", "require has nothing to bind to with tls = disable: encrypt, or leave it out");
        if (options.Password is null && options.CertificateFile is null)
            settings.Report("password", "is required unless certificate-file is given: ${?ENVIRONMENT_VARIABLE}, secret:file:PATH, secret:aws:NAME or secret:ssm:NAME");
        settings.Complete();
        return options;
    }
}
