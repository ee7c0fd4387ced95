using Pipeline.Configuration;

namespace Pipeline.Operations.Options;

/// <summary>Who may ask a node what: the section <c>http.access</c>.</summary>
public sealed record HttpAccessOptions
{
    /// <summary>The name of the token that a node makes when there is none.</summary>
    public const string FirstToken = "first";

    /// <summary>A directory of this machine that keeps tokens, as hashes; nobody else may read it. Default <c>./.pipeline/access</c>.</summary>
    public string Directory { get; init; } = "./.pipeline/access";

    /// <summary>What each token may, by its name: one that is not named here may nothing. Default: <c>first</c> is an admin.</summary>
    public IReadOnlyDictionary<string, AccessRole> Roles { get; init; } = new Dictionary<string, AccessRole>(StringComparer.Ordinal) { [FirstToken] = AccessRole.Admin };

    /// <summary>How long a token is good for. 1 min to 10 years, default 90 days.</summary>
    public TimeSpan TokenLifetime { get; init; } = TimeSpan.FromDays(90);

    /// <summary>How long a browser that has shown a token need not show it again. 1 min to 7 days, default 12 h.</summary>
    public TimeSpan SessionLifetime { get; init; } = TimeSpan.FromHours(12);

    /// <summary>How many requests a second one token, or one address without a token, may make for long; twice as many at once. 1 to 100,000, default 50.</summary>
    public int RequestsPerSecond { get; init; } = 50;

    internal static HttpAccessOptions Bind(SettingsReader settings)
    {
        var defaults = new HttpAccessOptions();
        var options = new HttpAccessOptions
        {
            Directory = settings.String("directory", defaults.Directory),
            Roles = BindRoles(settings.Section("roles"), defaults),
            TokenLifetime = settings.Duration("token-lifetime", defaults.TokenLifetime, TimeSpan.FromMinutes(1), TimeSpan.FromDays(3_653)),
            SessionLifetime = settings.Duration("session-lifetime", defaults.SessionLifetime, TimeSpan.FromMinutes(1), TimeSpan.FromDays(7)),
            RequestsPerSecond = settings.Int("requests-per-second", defaults.RequestsPerSecond, 1, 100_000),
        };
        settings.Complete();
        return options;
    }

    private static IReadOnlyDictionary<string, AccessRole> BindRoles(SettingsReader settings, HttpAccessOptions defaults)
    {
        var names = Enum.GetNames<AccessRole>().Select(name => name.ToLowerInvariant()).ToArray();
        var roles = new Dictionary<string, AccessRole>(StringComparer.Ordinal);
        foreach (var (token, text) in settings.Texts())
        {
            if (names.Contains(text) && Enum.TryParse<AccessRole>(text, ignoreCase: true, out var role)) roles[token] = role;
            else settings.Report(token, $"'{text}' is not a role{SettingsReader.Nearest(text, names)} Allowed: {string.Join(", ", names)}");
        }

        return roles.Count == 0 ? defaults.Roles : roles;
    }
}
