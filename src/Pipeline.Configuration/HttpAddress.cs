namespace Pipeline.Configuration;

/// <summary>Addresses of HTTP: read by one rule, and refused in one set of words.</summary>
public static class HttpAddress
{
    /// <summary>How one is written.</summary>
    public const string Form = "https://HOST:PORT";

    /// <summary>What is left out in favour of AWS's own.</summary>
    public const string OrAmazons = ", or leave it out for Amazon's in the region";

    /// <summary>An address of <c>https</c> or <c>http</c>; null: the text is none.</summary>
    public static Uri? TryParse(string? text) => Uri.TryCreate(text, UriKind.Absolute, out var address) && (address.Scheme == Uri.UriSchemeHttps || address.Scheme == Uri.UriSchemeHttp) ? address : null;

    /// <summary>Whether what goes there leaves this machine in plain text.</summary>
    public static bool IsPlain(Uri address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return address.Scheme == Uri.UriSchemeHttp && !TlsRule.IsLoopback(address.Host);
    }

    /// <summary>What a text is that is no address, without what may be secret in it.</summary>
    public static string Refusal(string? text) => $"'{TlsRule.Shown(text)}' is not an address";

    /// <summary>Reports a text that is no address.</summary>
    /// <param name="text">What the setting says; null or empty: nothing.</param>
    /// <param name="otherwise">What else can be done.</param>
    /// <returns>The address; null: there is none, or none that can be read.</returns>
    public static Uri? Read(SettingsReader settings, string key, string? text, string otherwise = "")
    {
        ArgumentNullException.ThrowIfNull(settings);
        var address = TryParse(text);
        if (address is null && text is { Length: > 0 }) settings.Report(key, $"{Refusal(text)}. Write {Form}{otherwise}");
        return address;
    }

    /// <summary>Of an emulation in the place of AWS: plain where it is said to be meant.</summary>
    public static Uri? ReadOfAws(SettingsReader settings, string key)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var address = Read(settings, key, settings.OptionalString(key), OrAmazons);
        TlsRule.Check(settings, key, address);
        return address;
    }

    /// <summary>Of what is never asked in plain text beyond this machine.</summary>
    public static Uri? ReadEncrypted(SettingsReader settings, string key, string? text)
    {
        var address = Read(settings, key, text);
        TlsRule.RefuseSecrets(settings, key, address);
        if (address is null || !IsPlain(address)) return address;
        settings.Report(key, $"{TlsRule.InPlainText(address)}. Write https://");
        return null;
    }
}
