using Pipeline.Configuration;

namespace Pipeline.Sources.Snowflake;

/// <summary><c>type = snowflake</c>: tables of a Snowflake account, read by watermark over the public SQL API.</summary>
public sealed class SnowflakeSourceKind : ISourceKind
{
    private enum AuthMethod
    {
        Oauth,
        KeyPair,
    }

    public string Kind => "snowflake";

    public ISourceDefinition Bind(string name, SettingsReader settings)
    {
        settings.String("type", Kind);
        var role = settings.String("role");
        var options = new SnowflakeSourceOptions
        {
            Name = name,
            AccountUrl = Url(settings, "account-url"),
            Auth = BindAuth(settings.Section("auth"), role),
            Role = role,
            Warehouse = settings.String("warehouse"),
            Database = settings.String("database"),
            Schema = settings.String("schema"),
            PollInterval = settings.Duration("poll-interval", TimeSpan.FromSeconds(60), TimeSpan.FromMilliseconds(10), TimeSpan.FromHours(24)),
            CommitLag = settings.Duration("commit-lag", TimeSpan.FromSeconds(30), TimeSpan.Zero, TimeSpan.FromHours(24)),
            WatchTransactions = settings.Bool("watch-transactions", byDefault: false),
            ParallelPartitions = settings.Int("parallel-partitions", 4, 1, 64),
            BufferBytesMax = settings.Bytes("buffer-bytes-max", 64L << 20, 1L << 20),
            ChunkBytesMax = settings.Bytes("chunk-bytes-max", 4L << 20, 64L << 10, 1L << 30),
            RequestTimeout = settings.Duration("request-timeout", TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(15)),
            StatementTimeout = settings.Duration("statement-timeout", TimeSpan.FromHours(1), TimeSpan.FromSeconds(1), TimeSpan.FromDays(7)),
            Retry = RetrySettings.Bind(settings.Section("retry"), SnowflakeSourceOptions.RetryByDefault),
            Tables = [.. BindTables(settings.Section("tables"))],
        };
        if (options.Tables.Count == 0) settings.Report("tables", "has no table: write tables { NAME { table = ..., watermark = ... } }");
        settings.Complete();
        return new SnowflakeSourceDefinition(options);
    }

    private static IEnumerable<SnowflakeTableOptions> BindTables(SettingsReader tables)
    {
        foreach (var (name, table) in tables.Children())
        {
            var path = table.String("table");
            if (path.Split('.') is var parts && (parts.Length > 3 || (path.Length > 0 && parts.Any(part => part.Length == 0))))
                table.Report("table", $"'{path}' is not a table. Write TABLE, SCHEMA.TABLE or DATABASE.SCHEMA.TABLE");
            yield return new SnowflakeTableOptions(name, path, table.String("watermark"), table.Strings("key"));
            table.Complete();
        }
    }

    private static SnowflakeAuth BindAuth(SettingsReader auth, string role)
    {
        SnowflakeAuth bound = auth.Choice<AuthMethod>("method") switch
        {
            AuthMethod.KeyPair => new SnowflakeAuth.KeyPair(auth.String("account"), auth.String("user"), auth.Secret("private-key"),
                auth.OptionalSecret("private-key-passphrase")),
            _ => new SnowflakeAuth.OAuth(Url(auth, "token-url"), auth.String("client-id"), auth.Secret("client-secret"),
                auth.String("scope", $"session:role:{role}")),
        };
        auth.Complete();
        return bound;
    }

    private static Uri Url(SettingsReader settings, string key)
    {
        var text = settings.String(key);
        if (Uri.TryCreate(text, UriKind.Absolute, out var url) && (url.Scheme == Uri.UriSchemeHttps || (url.Scheme == Uri.UriSchemeHttp && url.IsLoopback)))
            return url;
        if (text.Length > 0) settings.Report(key, $"'{text}' is not an https:// address (http:// is for the own machine only)");
        return new Uri("https://invalid.invalid");
    }
}
