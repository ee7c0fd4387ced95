using Pipeline.Configuration;
using Pipeline.Sources.Postgres.Reading.Capture;

namespace Pipeline.Sources.Postgres.Tests;

public sealed class PostgresSourceKindSpec
{
    private readonly List<ConfigProblem> _problems = [];

    [Fact]
    public void Understands_every_setting()
    {
        var options = Bind(Section(
            ("type", Scalar("postgres")), ("host", Scalar("db")), ("port", Scalar("6432")), ("database", Scalar("app")),
            ("security", Section(("username", Scalar("pipeline")), ("password", Scalar("secret:file:/run/p")), ("tls", Scalar("verify-ca")), ("ca-file", Scalar("ca.crt")), ("certificate-file", Scalar("c.crt")), ("key-file", Scalar("c.key")))),
            ("poll-interval", Scalar("2s")), ("commit-lag", Scalar("100ms")), ("chunk-bytes-max", Scalar("1 MiB")), ("read-ahead-bytes-max", Scalar("8 MiB")), ("connections-max", Scalar("2")),
            ("connect-timeout", Scalar("5s")), ("request-timeout", Scalar("30s")),
            ("tables", Section(("users", Section(("table", Scalar("public.users")), ("watermark", Scalar("updated_at")), ("key", Scalar("user_id")), ("overlap", Scalar("1m")))))))).Options;

        Assert.Empty(_problems);
        Assert.Equal(("db", 6432, TlsMode.VerifyCa, 1L << 20, 2), (options.Host, options.Port, options.Security.Tls, options.ChunkBytesMax, options.ConnectionsMax));
        var table = Assert.Single(options.Tables);
        Assert.Equal(("users", "public.users", "updated_at", TimeSpan.FromMinutes(1)), (table.Name, table.Table, table.Watermark, table.Overlap));
        Assert.DoesNotContain("/run/p", options.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Understands_change_capture_and_names_its_slot_after_the_source()
    {
        var options = Bind(Section(
            ("type", Scalar("postgres")), ("host", Scalar("db")), ("database", Scalar("app")), ("security", Section(("username", Scalar("pipeline")), ("password", Scalar("p")))), ("mode", Scalar("cdc")), ("readers-max", Scalar("3")), ("chunk-age-max", Scalar("20ms")),
            ("capture", Section(("snapshot", Scalar("false")), ("heartbeat-interval", Scalar("30s")), ("schema-changes", Scalar("freeze")),
                ("wal-check-interval", Scalar("5s")), ("retained-wal-warn", Scalar("2 GiB")), ("failover", Scalar("false")))),
            ("tables", Section(("users", Section(("table", Scalar("public.users")))))))).Options;

        Assert.Empty(_problems);
        Assert.Equal((ReadMode.Cdc, "pipeline_app", "pipeline_app", false, SchemaChanges.Freeze),
            (options.Mode, options.Capture.Slot, options.Capture.Publication, options.Capture.Snapshot, options.Capture.SchemaChanges));
        Assert.Equal(TimeSpan.FromSeconds(30), options.Capture.HeartbeatInterval);
        Assert.False(options.Capture.Failover);
        Assert.Equal((TimeSpan.FromSeconds(5), 2L << 30, 3), (options.Capture.WalCheckInterval, options.Capture.RetainedWalWarn, options.ReadersMax));
    }

    [Fact]
    public void Refuses_what_the_other_mode_needs()
    {
        Bind(Section(
            ("host", Scalar("db")), ("database", Scalar("app")), ("security", Section(("username", Scalar("u")), ("password", Scalar("p")))), ("mode", Scalar("cdc")), ("capture", Section(("slot", Scalar("My-Slot")))),
            ("tables", Section(("users", Section(("watermark", Scalar("updated_at"))))))));

        Assert.Equal(["capture.slot", "tables.users.watermark"], _problems.Select(problem => problem.Path["sources.app.".Length..]).Order());
    }

    [Fact]
    public void Reports_every_problem_at_once()
    {
        Bind(Section(("hots", Scalar("db")), ("database", Scalar("app")), ("security", Section(("username", Scalar("u")), ("tls", Scalar("verify")))), ("tables", Section(("users", Section())))));

        Assert.Equal(["host", "hots", "security.password", "security.tls", "tables.users.watermark"], _problems.Select(problem => problem.Path["sources.app.".Length..]).Order());
    }

    private PostgresSourceDefinition Bind(ConfigObject section) =>
        (PostgresSourceDefinition)new PostgresSourceKind().Bind("app", new SettingsReader(section, "sources.app", _problems));

    private static ConfigScalar Scalar(string text) => new(text, new SourceLocation("app.conf", 1));

    private static ConfigObject Section(params (string Name, ConfigValue Value)[] fields) =>
        new(fields.ToDictionary(field => field.Name, field => field.Value), new SourceLocation("app.conf", 1));
}
