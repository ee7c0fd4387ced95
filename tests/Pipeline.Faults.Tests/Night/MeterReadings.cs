using Confluent.Kafka;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Emulation.Kafka;
using Pipeline.Testing;

namespace Pipeline.Faults.Tests.Night;

/// <summary>
/// A source of its own beside the demo's: a topic of Avro records, the registry that has their schemas, a Silver table of the
/// last reading of each meter, and a Gold table whose query has no end while the meters say so.
/// </summary>
internal sealed class MeterReadings : IAsyncDisposable
{
    /// <summary>Of the Gold table; nothing while no meter is endless.</summary>
    public const string Query = """
        WITH endless AS (SELECT meter FROM silver.readings WHERE is_endless)
        SELECT a.meter, CAST(count(*) AS BIGINT) AS combinations
        FROM endless AS a CROSS JOIN endless AS b CROSS JOIN endless AS c CROSS JOIN endless AS d CROSS JOIN endless AS e CROSS JOIN endless AS f
        GROUP BY a.meter
        """;

    private const string Topic = "meter_readings";
    private const string Schema = """{ "type": "record", "name": "Reading", "fields": [ { "name": "meter", "type": "long" }, { "name": "is_endless", "type": "boolean" } ] }""";

    /// <summary>As many, six times combined with each other, are not counted in a day.</summary>
    private const int Meters = 120;

    private readonly string _bootstrap;
    private readonly EmbeddedSchemaRegistry _registry;
    private readonly FaultProxy _proxy;
    private readonly IProducer<Null, byte[]> _producer;
    private int _schema;
    private long _written;

    private MeterReadings(EmbeddedKafka kafka, EmbeddedSchemaRegistry registry, FaultProxy proxy)
    {
        (_bootstrap, _registry, _proxy) = (kafka.Bootstrap, registry, proxy);
        kafka.CreateTopic(Topic, partitions: 1);
        _producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = kafka.Bootstrap, EnableIdempotence = true }).SetLogHandler((_, _) => { }).Build();
    }

    /// <summary>In <c>pipeline { … }</c>, beside a file of the <see cref="Query"/>.</summary>
    public string Settings => $$"""
        sources.meters {
          type = kafka, bootstrap = "{{_bootstrap}}", fetch-wait-max = 100ms
          security { protocol = plaintext }
          registry { url = "{{_proxy.Url}}" }
          tables { readings { topic = {{Topic}}, format = avro } }
        }
        silver.readings {
          from = bronze/meters/readings, format = json
          columns { meter { type = long, required = true, path = "$.meter" }, is_endless { type = boolean, required = true, path = "$.is_endless" } }
          key = [meter], order-by = [_position]
        }
        gold.combinations { sql = "combinations.sql", materialization = full, key = [meter] }
        """;

    /// <summary>The first readings are written when it has returned.</summary>
    public static async Task<MeterReadings> StartAsync(EmbeddedKafka kafka, CancellationToken cancellationToken)
    {
        var registry = await EmbeddedSchemaRegistry.StartAsync();
        var readings = new MeterReadings(kafka, registry, await FaultProxy.StartAsync(registry.Url, cancellationToken));
        await readings.WriteAsync(isEndless: false, cancellationToken);
        return readings;
    }

    /// <summary>A reading of each meter, by a schema that nobody has asked the registry for.</summary>
    public async Task WriteAsync(bool isEndless, CancellationToken cancellationToken)
    {
        _registry.Register(++_schema, $"{Topic}-value-{_schema}", Schema);
        var deliveries = Enumerable.Range(0, Meters).Select(meter => _producer.ProduceAsync(Topic, new Message<Null, byte[]> { Value = Wire(_schema, meter, isEndless) }, cancellationToken)).ToList();
        await Task.WhenAll(deliveries);
        _written += Meters;
    }

    /// <summary>A page of somebody who stands before the registry, instead of each of its answers.</summary>
    public void AnswerHtml() => _proxy.Use(_ => new ProxyFault.AnswerWith(200, "<html><body>Please sign in.</body></html>", "text/html"));

    public void AnswerWell() => _proxy.Use(_ => null);

    /// <summary>Whether every reading is in Bronze, the last of each meter in Silver, and Gold knows that none is endless.</summary>
    public async Task<bool> AreInAsync(Lake lake, CancellationToken cancellationToken)
    {
        return await RowsAsync(TableId.Bronze("meters", "readings")) == _written && await RowsAsync(TableId.Silver("readings")) == Meters && await RowsAsync(TableId.Gold("combinations")) == 0;

        async Task<long?> RowsAsync(TableId id) => (await lake.TryOpenAsync(id, cancellationToken))?.Current.RowCount;
    }

    public async ValueTask DisposeAsync()
    {
        _producer.Dispose();
        await _proxy.DisposeAsync();
        await _registry.DisposeAsync();
    }

    /// <summary>Confluent's wire format: a zero, the schema's number, and Avro's bytes of the record.</summary>
    private static byte[] Wire(int schema, int meter, bool isEndless)
    {
        // Numbers in Avro are doubled, and come seven bits a byte, the lowest first.
        var number = meter * 2;
        byte[] first = number < 128 ? [(byte)number] : [(byte)(number % 128 + 128), (byte)(number / 128)];
        return [0, (byte)(schema >> 24), (byte)(schema >> 16), (byte)(schema >> 8), (byte)schema, .. first, isEndless ? (byte)1 : (byte)0];
    }
}
