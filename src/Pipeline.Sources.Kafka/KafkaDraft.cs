using Apache.Arrow.Types;
using Confluent.Kafka;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Sources.Kafka.Catalog;
using Pipeline.Sources.Kafka.Client;

namespace Pipeline.Sources.Kafka;

/// <summary>Configures a topic: a row for each record, known by its partition and offset, whose fields become columns by themselves.</summary>
internal static class KafkaDraft
{
    private const string SourceName = "kafka";
    private const int Port = 9092;

    /// <summary>The topics that this user may describe; not Kafka's own.</summary>
    public static async ValueTask<IReadOnlyList<DiscoveredTable>> DiscoverAsync(SourceUrl url, SourceServices services, CancellationToken cancellationToken)
    {
        AllowOptions(url);
        var options = OptionsOf(url, topic: "topics");
        var clients = new KafkaClients(SourceName, options, services.Secrets, services.Certificates);
        await using var topics = new KafkaTopics(clients, new BrokerCertificates(SourceName, options, services.Certificates, services.Time), options.RequestTimeout, services.Time);
        return [.. (await topics.ListAsync(cancellationToken)).Where(topic => !topic.Topic.StartsWith("__", StringComparison.Ordinal)).OrderBy(topic => topic.Topic, StringComparer.Ordinal)
            .Select(topic => new DiscoveredTable(topic.Topic, "topic", Rows: null, Plural.Of(topic.Partitions.Count, "partition")))];
    }

    public static async ValueTask<TableDraft> OfAsync(SourceUrl url, string topic, string password, SourceServices services, CancellationToken cancellationToken)
    {
        AllowOptions(url);
        var options = OptionsOf(url, topic);
        await using (var source = new KafkaSourceDefinition(options).Open(services))
        {
            // Told as a run tells it.
            await source.ListSplitsAsync(options.Tables[0].Name, cancellationToken);
        }

        var (table, security) = (options.Tables[0], options.Security);
        var who = security.HasSasl ? $", username = {TableDraft.Quote(security.Username!)}, password = {password}{(url.Option("mechanism") is { } mechanism ? $", mechanism = {mechanism}" : "")}" : "";
        string[] settings =
        [
            "type = kafka",
            $"bootstrap = {TableDraft.Quote(options.Bootstrap)}, commit-group-offsets = false",
            $"security {{ protocol = {ProtocolOf(security)}{who}{(security.CaFile is { } ca ? $", ca-file = {TableDraft.Quote(ca)}" : "")} }}",
            .. url.Option("registry") is { } registry ? (string[])[$"registry {{ url = {TableDraft.Quote(registry)}{(IsPlain(registry) ? ", plaintext = true" : "")} }}"] : [],
        ];
        return new TableDraft(SourceName, table.Name, settings, $"topic = {TableDraft.Quote(topic)}, format = {FormatOf(table.Format)}", [new DraftColumn("_partition", Int32Type.Default, IsRequired: true), new DraftColumn("_offset", Int64Type.Default, IsRequired: true), new DraftColumn("_key", StringType.Default, IsRequired: false)], ["_partition", "_offset"])
        {
            Contract = table.Format == KafkaFormat.Bytes ? [] : ["format = json", "fields = add"],
            Notes = ["Each record is a row of its own. Where records are versions of one thing, make its id the key: columns { id { type = long } }, key = [id]."],
        };
    }

    private static void AllowOptions(SourceUrl url)
    {
        url.AllowOptions("tls", "ca", "mechanism", "format", "registry");
        if (url.Path.Count > 0) throw new PipelineException(FaultKind.Invalid, url.Thing, "brokers have no path", $"Write {url.Scheme}://{url.Authority} and the topic behind it.");
    }

    private static KafkaSourceOptions OptionsOf(SourceUrl url, string topic)
    {
        var isPlain = url.Option("tls") switch
        {
            null => url.IsLoopback,
            "disable" => true,
            "require" or "verify-full" => false,
            var other => throw new PipelineException(FaultKind.Invalid, url.Thing, $"'{other}' is not a way to encrypt", "Allowed: verify-full, disable."),
        };
        var format = url.Option("format") ?? "json";
        if (!Enum.GetValues<KafkaFormat>().Any(one => FormatOf(one) == format))
            throw new PipelineException(FaultKind.Invalid, url.Thing, $"'{format}' is not what a topic's values are", $"Allowed: {string.Join(", ", Enum.GetValues<KafkaFormat>().Select(FormatOf))}.");
        return new KafkaSourceOptions
        {
            Name = SourceName,
            Bootstrap = string.Join(',', url.Hosts.Select(host => $"{(host.Host.Contains(':', StringComparison.Ordinal) ? $"[{host.Host}]" : host.Host)}:{host.Port ?? Port}")),
            Group = null,
            Security = new KafkaSecurityOptions
            {
                Protocol = (isPlain, url.Username) switch
                {
                    (true, null) => KafkaProtocol.Plaintext,
                    (true, _) => KafkaProtocol.SaslPlaintext,
                    (false, null) => KafkaProtocol.Ssl,
                    _ => KafkaProtocol.SaslSsl,
                },
                Mechanism = MechanismOf(url),
                Username = url.Username,
                Password = url.Password,
                CaFile = url.Option("ca"),
            },
            Tables = [new KafkaTableOptions { Name = TableDraft.NameOf(topic), Topic = topic, Format = Enum.GetValues<KafkaFormat>().First(one => FormatOf(one) == format) }],
        };
    }

    private static SaslMechanism MechanismOf(SourceUrl url)
    {
        if (url.Option("mechanism") is not { } name) return new KafkaSecurityOptions().Mechanism;
        return KafkaSecurityOptions.MechanismOf(name) ?? throw new PipelineException(FaultKind.Invalid, url.Thing, $"'{name}' is not a way to prove a password", "Allowed: plain, scram-sha-256, scram-sha-512.");
    }

    private static string FormatOf(KafkaFormat format) => format == KafkaFormat.JsonSchema ? "json-schema" : format.ToString().ToLowerInvariant();

    private static string ProtocolOf(KafkaSecurityOptions security) => security.Protocol switch
    {
        KafkaProtocol.Ssl => "ssl",
        KafkaProtocol.SaslPlaintext => "sasl-plaintext",
        KafkaProtocol.SaslSsl => "sasl-ssl",
        _ => "plaintext",
    };

    /// <summary>Who has written http for another machine has said that it is meant.</summary>
    private static bool IsPlain(string address) => HttpAddress.TryParse(address) is { } registry && HttpAddress.IsPlain(registry);
}
