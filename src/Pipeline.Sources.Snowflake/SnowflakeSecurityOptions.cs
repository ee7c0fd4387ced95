using Pipeline.Configuration;
using Pipeline.Core;

namespace Pipeline.Sources.Snowflake;

/// <summary>Who the source is, for Snowflake; the section <c>security</c>. The connection is always encrypted.</summary>
public abstract record SnowflakeSecurityOptions
{
    private SnowflakeSecurityOptions()
    {
    }

    private enum Method
    {
        Oauth,
        KeyPair,
    }

    /// <summary>External OAuth: client credentials for a token from the identity provider.</summary>
    /// <param name="Scope">Default <c>session:role:ROLE</c>, unless the identity provider wants another.</param>
    public sealed record OAuth(Uri TokenUrl, string ClientId, Secret ClientSecret, string Scope) : SnowflakeSecurityOptions;

    /// <summary>A JWT signed with the user's private key.</summary>
    /// <param name="Account"><c>ORG-ACCOUNT</c>, or the account locator without its region.</param>
    /// <param name="KeyPem">PEM, PKCS#8 or PKCS#1.</param>
    /// <param name="KeyPassword">For an encrypted key.</param>
    public sealed record KeyPair(string Account, string Username, Secret KeyPem, Secret? KeyPassword) : SnowflakeSecurityOptions;

    /// <param name="role">What the token asks for unless the scope says otherwise.</param>
    internal static SnowflakeSecurityOptions Bind(SettingsReader settings, string role)
    {
        SnowflakeSecurityOptions bound = settings.Choice<Method>("method") switch
        {
            Method.KeyPair => new KeyPair(settings.String("account"), settings.String("username"), settings.Secret("key-pem"), settings.OptionalSecret("key-password")),
            _ => new OAuth(SnowflakeSourceOptions.Url(settings, "token-url"), settings.String("client-id"), settings.Secret("client-secret"),
                settings.String("scope", $"session:role:{role}")),
        };
        settings.Complete();
        return bound;
    }
}
