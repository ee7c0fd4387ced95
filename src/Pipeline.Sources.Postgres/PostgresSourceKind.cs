using Pipeline.Configuration;

namespace Pipeline.Sources.Postgres;

/// <summary><c>type = postgres</c>.</summary>
public sealed class PostgresSourceKind : ISourceKind
{
    public string Kind => "postgres";

    public ISourceDefinition Bind(string name, SettingsReader settings)
    {
        _ = settings.OptionalString("type");
        var byDefault = new PostgresSourceOptions { Name = name, Host = "", Database = "", Username = "" };
        var tls = BindTls(settings.Section("tls"));
        var mode = settings.Choice<ReadMode>("mode", ReadMode.Watermark);
        var options = byDefault with
        {
            Host = settings.String("host"),
            Port = settings.Int("port", byDefault.Port, min: 1, max: 65535),
            Database = settings.String("database"),
            Username = settings.String("username"),
            Password = settings.OptionalSecret("password"),
            Tls = tls,
            Mode = mode,
            Capture = mode == ReadMode.Cdc ? BindCapture(name, settings.Section("capture")) : byDefault.Capture,
            PollInterval = settings.Duration("poll-interval", byDefault.PollInterval, min: TimeSpan.FromMilliseconds(10), max: TimeSpan.FromDays(1)),
            Settle = settings.Duration("settle", byDefault.Settle, max: TimeSpan.FromMinutes(10)),
            ChunkBytesMax = settings.Bytes("chunk-bytes-max", byDefault.ChunkBytesMax, min: 4 << 10, max: 256 << 20),
            BufferBytesMax = settings.Bytes("buffer-bytes-max", byDefault.BufferBytesMax, min: 4 << 10, max: 4L << 30),
            ConnectionsMax = settings.Int("connections-max", byDefault.ConnectionsMax, min: 1, max: 100),
            ConnectTimeout = settings.Duration("connect-timeout", byDefault.ConnectTimeout, min: TimeSpan.FromSeconds(1), max: TimeSpan.FromMinutes(10)),
            StatementTimeout = settings.Duration("statement-timeout", byDefault.StatementTimeout, min: TimeSpan.FromSeconds(1), max: TimeSpan.FromDays(1)),
            Tables = [.. settings.Section("tables").Children().Select(child => BindTable(child.Name, child.Settings, mode))],
        };
        if (options.Password is null && tls.CertificateFile is null)
            settings.Report("password", "is required unless tls.certificate-file is given: ${?ENVIRONMENT_VARIABLE} or secret:file:PATH");
        if (options.Tables.Count == 0) settings.Report("tables", "at least one table is required");
        settings.Complete();
        return new PostgresSourceDefinition(options);
    }

    private static PostgresTls BindTls(SettingsReader settings)
    {
        var tls = new PostgresTls
        {
            Mode = settings.Choice<TlsMode>("mode", TlsMode.VerifyFull),
            CaFile = settings.OptionalString("ca-file"),
            CertificateFile = settings.OptionalString("certificate-file"),
            KeyFile = settings.OptionalString("key-file"),
        };
        if (tls.CertificateFile is null != tls.KeyFile is null)
            settings.Report("certificate-file", "certificate-file and key-file belong together: give both or neither");
        settings.Complete();
        return tls;
    }

    private static CaptureOptions BindCapture(string source, SettingsReader settings)
    {
        var byDefault = new CaptureOptions();
        var name = $"pipeline_{source.ToLowerInvariant().Replace('-', '_')}";
        var capture = new CaptureOptions
        {
            Slot = settings.String("slot", name),
            Publication = settings.String("publication", name),
            Snapshot = settings.Bool("snapshot", byDefault.Snapshot),
            SnapshotReaders = settings.Int("snapshot-readers", byDefault.SnapshotReaders, min: 1, max: 16),
            HeartbeatInterval = settings.Duration("heartbeat-interval", byDefault.HeartbeatInterval, min: TimeSpan.FromMilliseconds(100), max: TimeSpan.FromHours(1)),
            ChunkAgeMax = settings.Duration("chunk-age-max", byDefault.ChunkAgeMax, max: TimeSpan.FromMinutes(1)),
            SchemaChanges = settings.Choice<SchemaChanges>("schema-changes", byDefault.SchemaChanges),
            Failover = settings.Bool("failover", byDefault.Failover),
            WalCheckInterval = settings.Duration("wal-check-interval", byDefault.WalCheckInterval, min: TimeSpan.FromSeconds(1), max: TimeSpan.FromHours(1)),
            RetainedWalWarn = settings.Bytes("retained-wal-warn", byDefault.RetainedWalWarn, min: 1 << 20, max: 1L << 50),
        };
        if (capture.Slot.Length > 63 || capture.Slot.Any(c => !char.IsAsciiLetterLower(c) && !char.IsAsciiDigit(c) && c != '_'))
            settings.Report("slot", $"'{capture.Slot}' is not a slot's name. Allowed: up to 63 lower-case letters, digits and underscores");
        settings.Complete();
        return capture;
    }

    private static PostgresTableOptions BindTable(string name, SettingsReader settings, ReadMode mode)
    {
        var table = mode == ReadMode.Cdc
            ? new PostgresTableOptions(name, settings.String("table", name), Watermark: "", settings.Strings("key"), TimeSpan.Zero)
            : new PostgresTableOptions(name, settings.String("table", name), settings.String("watermark"), settings.Strings("key"),
                settings.Duration("overlap", TimeSpan.Zero, max: TimeSpan.FromDays(30)));
        settings.Complete();
        return table;
    }
}
