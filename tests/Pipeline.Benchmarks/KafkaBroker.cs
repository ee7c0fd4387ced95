using System.Diagnostics;
using System.Globalization;
using System.Text;
using Confluent.Kafka;
using Pipeline.Emulation.Kafka;

namespace Pipeline.Benchmarks;

/// <summary>
/// An embedded broker in a child process, with a topic of JSON records of 200 bytes. What the benchmark's process burns
/// is then the consumer's alone.
/// </summary>
internal sealed class KafkaBroker : IAsyncDisposable
{
    public const string HostArgument = "--host-kafka";
    public const string Topic = "events";
    public const int RecordBytes = 200;

    private readonly Process _process;

    private KafkaBroker(Process process, string bootstrap, long records)
    {
        _process = process;
        Bootstrap = bootstrap;
        Records = records;
    }

    public string Bootstrap { get; }

    /// <summary>Records in the topic.</summary>
    public long Records { get; }

    /// <param name="partitions">Each keeps 5 MiB, some 20,000 records.</param>
    public static async Task<KafkaBroker> StartAsync(int partitions, int recordsPerPartition, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true };
        // Run by "dotnet benchmarks.dll" the process is dotnet; run by its own host it is itself.
        if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet") start.ArgumentList.Add(typeof(KafkaBroker).Assembly.Location);
        start.ArgumentList.Add(HostArgument);
        start.ArgumentList.Add(partitions.ToString(CultureInfo.InvariantCulture));
        start.ArgumentList.Add(recordsPerPartition.ToString(CultureInfo.InvariantCulture));
        var process = Process.Start(start)!;
        var bootstrap = await process.StandardOutput.ReadLineAsync(cancellationToken)
            ?? throw new InvalidOperationException("The broker's process ended before it was ready.");
        return new KafkaBroker(process, bootstrap, (long)partitions * recordsPerPartition);
    }

    public static string Record(int partition, int number)
    {
        var head = $$"""{"event_id":"e-{{partition:d3}}-{{number:d9}}","user_id":{{number % 5000}},"event_type":"page_view","page_url":"/products/{{number % 977}}","product_id":{{number % 977}},"timestamp":"2026-01-01T00:00:00.000Z","agent":"}""";
        return head + new string('x', RecordBytes - head.Length - 2) + "\"}";
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    /// <summary>The child: fills the topic, says where it is and stays until its standard input ends.</summary>
    internal static async Task<int> HostAsync(string[] args, CancellationToken cancellationToken)
    {
        var (partitions, records) = (int.Parse(args[0], CultureInfo.InvariantCulture), int.Parse(args[1], CultureInfo.InvariantCulture));
        await using var kafka = EmbeddedKafka.Start(brokers: 1, (Topic, partitions));
        // The mock answers a fetch with one batch a partition: large batches, as a busy topic has them.
        var config = new ProducerConfig { BootstrapServers = kafka.Bootstrap, LingerMs = 200, BatchSize = 1 << 20, BatchNumMessages = 4000, QueueBufferingMaxMessages = 1_000_000 };
        using (var producer = new ProducerBuilder<Null, byte[]>(config).Build())
        {
            for (var number = 0; number < records; number++)
                for (var partition = 0; partition < partitions; partition++)
                    Produce(producer, partition, Encoding.UTF8.GetBytes(Record(partition, number)));
            producer.Flush(cancellationToken);
        }

        var (low, high) = kafka.Watermarks(Topic, partitions - 1);
        if (low != 0 || high != records) throw new InvalidOperationException($"A partition holds [{low}, {high}) instead of {records} records: too many for the embedded broker.");
        Console.WriteLine(kafka.Bootstrap);
        await Console.In.ReadToEndAsync(cancellationToken);
        return 0;
    }

    private static void Produce(IProducer<Null, byte[]> producer, int partition, byte[] value)
    {
        while (true)
            try
            {
                producer.Produce(new TopicPartition(Topic, partition), new Message<Null, byte[]> { Value = value });
                return;
            }
            catch (ProduceException<Null, byte[]> e) when (e.Error.Code == ErrorCode.Local_QueueFull)
            {
                producer.Poll(TimeSpan.FromMilliseconds(100));
            }
    }
}
