using Confluent.Kafka;
using Pipeline.Configuration;

namespace Pipeline.Sources.Kafka.Tests;

public sealed class KafkaOptionsSpec
{
    [Fact]
    public void Reads_every_setting()
    {
        var (definition, problems) = Bind("""
            type = kafka, bootstrap = "a:9093,b:9093", group = lag, read-ahead-bytes-max = 128 MiB, chunk-bytes-max = 8 MiB, chunk-age-max = 50ms
            fetch-wait-max = 200ms, ends-interval = 2s, request-timeout = 5s
            security { protocol = sasl-ssl, mechanism = scram-sha-256, username = pipeline, password = "secret:file:/run/password", ca-file = /etc/ca.pem
                       certificate-file = /etc/me.pem, key-file = /etc/me.key, key-password = "secret:file:/run/key", verify-hostname = false }
            tables { user_events { topic = app.user-events, format = bytes, key-format = uuid, envelope = tombstone, workers = 4, record-bytes-max = 2 MiB }, order_events {} }
            """);

        Assert.Empty(problems);
        Assert.Equal(("events", "kafka"), (definition.Name, definition.Kind));
        Assert.Equal([("user_events", 4), ("order_events", 1)], definition.Tables.Select(table => (table.Name, table.Workers)));
        Assert.All(definition.Tables, table => Assert.Equal(["_timestamp", "_partition", "_offset"], table.TechnicalColumns));
        var options = definition.Options;
        Assert.Equal(("a:9093,b:9093", "lag", 128L << 20, 8L << 20), (options.Bootstrap, options.Group, options.ReadAheadBytesMax, options.ChunkBytesMax));
        Assert.Equal((50.0, 200.0, 5.0), (options.ChunkAgeMax.TotalMilliseconds, options.FetchWaitMax.TotalMilliseconds, options.RequestTimeout.TotalSeconds));
        Assert.Equal((KafkaProtocol.SaslSsl, SaslMechanism.ScramSha256, "pipeline", "/etc/ca.pem", "/etc/me.pem", "/etc/me.key", false),
            (options.Security.Protocol, options.Security.Mechanism, options.Security.Username, options.Security.CaFile, options.Security.CertificateFile, options.Security.KeyFile, options.Security.VerifyHostname));
        Assert.Equal(("app.user-events", KafkaFormat.Bytes, 2L << 20), (options.Tables[0].Topic, options.Tables[0].Format, options.Tables[0].RecordBytesMax));
        Assert.Equal([KafkaKeyFormat.Uuid, KafkaKeyFormat.Text], options.Tables.Select(table => table.KeyFormat));
        Assert.Equal([KafkaEnvelope.Tombstone, KafkaEnvelope.None], options.Tables.Select(table => table.Envelope));
        Assert.Equal([["_timestamp", "_partition", "_offset", "_key", "_headers"], null], definition.Tables.Select(table => table.DeletesCarry));
        Assert.Equal(("order_events", KafkaFormat.Json), (options.Tables[1].Topic, options.Tables[1].Format));
    }

    [Fact]
    public void Verifies_host_names_and_commits_for_lag_tools_unless_told_otherwise()
    {
        var (definition, problems) = Bind("bootstrap = localhost, tables { t {} }");

        Assert.Empty(problems);
        Assert.Equal("pipeline-events", definition.Options.Group);
        Assert.Equal(KafkaProtocol.Plaintext, definition.Options.Security.Protocol);
        Assert.True(definition.Options.Security.VerifyHostname);
        Assert.Null(Bind("bootstrap = localhost, commit-group-offsets = false, tables { t {} }").Definition.Options.Group);
    }

    [Theory]
    [InlineData("tables { t {} }", "bootstrap: is required")]
    [InlineData("bootstrap = localhost", "tables: has no table")]
    [InlineData("bootstrap = \"127.0.0.1:9092,kafka:9092\", tables { t {} }", "security.protocol: is required: kafka:9092 would be read in plain text")]
    [InlineData("bootstrap = localhost, registry { url = \"http://registry:8081\" }, tables { t { format = avro } }", "registry.url: leads to registry in plain text")]
    [InlineData("bootstrap = localhost, tables { t { topics = x } }", "tables.t.topics: there is no such setting. Did you mean 'topic'?")]
    [InlineData("bootstrap = localhost, tables { t { format = jsn } }", "Did you mean 'json'?")]
    [InlineData("bootstrap = localhost, tables { t { topic = x }, u { topic = x } }", "topic x feeds t and u")]
    [InlineData("bootstrap = localhost, chunk-bytes-max = 32 MiB, tables { t {} }", "chunk-bytes-max: is more than a quarter of read-ahead-bytes-max")]
    [InlineData("bootstrap = localhost, security { protocol = sasl-ssl }, tables { t {} }", "security.password: is required with a SASL protocol")]
    [InlineData("bootstrap = localhost, security { mechanism = scram-sha-521 }, tables { t {} }", "Did you mean 'scram-sha-512'?")]
    [InlineData("bootstrap = localhost, tables { t { format = avro } }", "registry: is required: table t has the format avro")]
    [InlineData("bootstrap = localhost, tables { t { format = protobuf } }", "registry: is required: table t has the format protobuf")]
    [InlineData("bootstrap = localhost, tables { t { key-format = avro } }", "registry: is required: table t has the key-format avro")]
    [InlineData("bootstrap = localhost, tables { t { format = bytes, envelope = debezium } }", "tables.t.envelope: debezium is of values that can be read. Write format = json")]
    [InlineData("bootstrap = localhost, tables { t { format = protobuff } }", "Did you mean 'protobuf'?")]
    [InlineData("bootstrap = localhost, registry { url = nowhere }, tables { t { format = avro } }", "registry.url: 'nowhere' is not an address")]
    [InlineData("bootstrap = localhost, security { certificate-file = x }, tables { t {} }", "belong together")]
    public void A_wrong_setting_is_named_with_what_is_right(string settings, string problem)
    {
        var (_, problems) = Bind(settings);

        Assert.Contains(problems, found => found.ToString().Contains(problem, StringComparison.Ordinal));
    }

    private static (KafkaSourceDefinition Definition, List<ConfigProblem> Problems) Bind(string text)
    {
        var problems = new List<ConfigProblem>();
        var settings = new SettingsReader(HoconReader.Read("events.conf", _ => text, _ => null), "", problems);
        return ((KafkaSourceDefinition)new KafkaSourceKind().Bind("events", settings), problems);
    }
}
