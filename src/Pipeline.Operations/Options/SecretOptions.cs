using Pipeline.Aws.Secrets;
using Pipeline.Configuration;

namespace Pipeline.Operations.Options;

/// <summary>How references to secrets of AWS are followed: the section <c>secrets</c>.</summary>
internal static class SecretOptions
{
    public static AwsSecretSettings Bind(SettingsReader settings)
    {
        var byDefault = new AwsSecretSettings();
        var options = new AwsSecretSettings
        {
            Region = settings.OptionalString("region") is { Length: > 0 } region ? region : null,
            Endpoint = AddressOf(settings, "endpoint"),
            ParametersEndpoint = AddressOf(settings, "parameters-endpoint"),
            UseFips = settings.Bool("fips", byDefault: false),
            Refresh = settings.Duration("refresh", byDefault.Refresh, TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(24)),
        };
        settings.Complete();
        return options;
    }

    private static Uri? AddressOf(SettingsReader settings, string key)
    {
        var text = settings.OptionalString(key);
        Uri? address = null;
        if (text is { Length: > 0 } && !(Uri.TryCreate(text, UriKind.Absolute, out address) && (address.Scheme == Uri.UriSchemeHttps || address.Scheme == Uri.UriSchemeHttp)))
            settings.Report(key, $"'{TlsRule.Shown(text)}' is not an address. Write https://HOST:PORT, or leave it out for Amazon's in the region");
        TlsRule.Check(settings, key, address);
        return address;
    }
}
