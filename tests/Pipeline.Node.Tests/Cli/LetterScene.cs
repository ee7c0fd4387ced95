using Confluent.Kafka;
using Pipeline.Emulation.Kafka;
using Pipeline.Node.Tests.Failures;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>
/// A lake that a node has filled from a broker: of <c>bronze/events/clicks</c> offsets 0 and 4 are rows, 1 and 3 were too
/// large, 2 is not text. Each test gets a copy.
/// </summary>
public sealed class LetterScene : IAsyncLifetime
{
    public const string Table = "bronze/events/clicks";
    public const string Payload = "{\"name\":\"Ada Lovelace\"}";

    private readonly ScratchDirectory _directory = new("pipeline-dlq-");
    private int _copies;

    private string Lake => Path.Combine(_directory, "lake");

    public async ValueTask InitializeAsync()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, ("clicks", 1));
        using (var producer = new ProducerBuilder<byte[]?, byte[]>(new ProducerConfig { BootstrapServers = kafka.Bootstrap, LingerMs = 0 }).Build())
        {
            foreach (var (key, value) in new (byte[]?, byte[])[] { (null, "{}"u8.ToArray()), ("k1"u8.ToArray(), System.Text.Encoding.UTF8.GetBytes(Payload)), (null, [0x7B, 0xC3, 0x28, 0x0A]), ("k3"u8.ToArray(), System.Text.Encoding.UTF8.GetBytes(Payload)), (null, "{}"u8.ToArray()) })
                await producer.ProduceAsync(new TopicPartition("clicks", 0), new Message<byte[]?, byte[]> { Key = key, Value = value, Headers = new Headers { { "trace", "t"u8.ToArray() } } });
        }

        await using var node = await RunningNode.StartAsync(Sub("node"), Sources(kafka.Bootstrap, recordBytesMax: 10), Lake);
        await node.WaitForRowsAsync(Table, 2);
    }

    public ValueTask DisposeAsync()
    {
        _directory.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>A copy of the lake, and a configuration for it. Decoding again needs no broker.</summary>
    internal async Task<(string Lake, string Config)> CopyAsync(int recordBytesMax = 1000)
    {
        var directory = Sub($"copy-{Interlocked.Increment(ref _copies)}");
        var lake = Path.Combine(directory, "lake");
        foreach (var file in Directory.EnumerateFiles(Lake, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(lake, Path.GetRelativePath(Lake, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        return (lake, await RunningNode.ConfigureAsync(directory, Sources("127.0.0.1:1", recordBytesMax)));
    }

    private static string Sources(string bootstrap, int recordBytesMax) =>
        $$"""events { type = kafka, bootstrap = "{{bootstrap}}", tables { clicks { topic = clicks, record-bytes-max = {{recordBytesMax}} } } }""";

    private string Sub(string name) => Directory.CreateDirectory(Path.Combine(_directory, name)).FullName;
}
