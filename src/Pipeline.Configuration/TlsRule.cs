using System.Net;

namespace Pipeline.Configuration;

/// <summary>Who reaches another machine in plain text says so in the configuration.</summary>
public static class TlsRule
{
    /// <summary>Asks for <c>plaintext</c> beside an address, and reports one that is plain <c>http</c> beyond this machine and is not said to be meant.</summary>
    /// <param name="key">The setting of the address.</param>
    /// <param name="address">Null: there is none, or none that can be read.</param>
    public static void Check(SettingsReader settings, string key, Uri? address)
    {
        var isMeant = settings.Bool("plaintext", byDefault: false);
        RefuseSecrets(settings, key, address);
        if (!isMeant && address is not null && HttpAddress.IsPlain(address))
            settings.Report(key, $"{InPlainText(address)}. Write https://, or plaintext = true beside it where the network is nobody else's");
    }

    /// <summary>What is wrong with an address of plain <c>http</c>.</summary>
    public static string InPlainText(Uri address) => $"leads to {address?.Host} in plain text, which whoever is on the way reads and changes";

    /// <summary>Reports an address with a name, a password or a query in it: addresses are said in logs, errors and metrics.</summary>
    public static void RefuseSecrets(SettingsReader settings, string key, Uri? address)
    {
        if (address is { UserInfo.Length: > 0 }) settings.Report(key, "holds a name or a password, which would be read wherever the address is said. Write it without; who we are has settings of its own");
        else if (address is { Query.Length: > 0 }) settings.Report(key, "holds a query, which would be read wherever the address is said. Write it without; a key belongs into headers");
    }

    /// <summary>What was written for an address, for an error: without what stands before its <c>@</c> or behind its <c>?</c>.</summary>
    public static string Shown(string? text)
    {
        var shown = (text ?? "").Split('?')[0];
        return shown.Contains('@', StringComparison.Ordinal) ? $"...{shown[shown.LastIndexOf('@')..]}" : shown;
    }

    /// <summary>Whether a host, by name or address, is this machine.</summary>
    public static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
}
