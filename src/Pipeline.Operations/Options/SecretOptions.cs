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
            Endpoint = HttpAddress.ReadOfAws(settings, "endpoint"),
            ParametersEndpoint = HttpAddress.ReadOfAws(settings, "parameters-endpoint"),
            UseFips = settings.Bool("fips", byDefault: false),
            Refresh = settings.Duration("refresh", byDefault.Refresh, TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(24)),
        };
        settings.Complete();
        return options;
    }
}
