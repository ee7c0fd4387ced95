using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Confluent.Kafka;
using Pipeline.Emulation.Kafka;
using Pipeline.Node.Tests.Failures;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Http;

/// <summary>Who listens costs a node next to nothing.</summary>
public sealed partial class EventCostSpec(ITestOutputHelper output) : IDisposable
{
    private const int Listeners = 200;

    /// <summary>Of one core.</summary>
    private const double ShareMax = 0.02;

    /// <summary>Units of <c>/proc/PID/stat</c> in a second.</summary>
    private const double TicksPerSecond = 100;

    private static readonly TimeSpan Window = TimeSpan.FromSeconds(8);

    private readonly ScratchDirectory _directory = new("pipeline-event-cost-");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Two_hundred_listeners_cost_less_than_a_fiftieth_of_a_core()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1", "It measures for a minute: PIPELINE_NIGHTLY=1.");
        await using var kafka = EmbeddedKafka.Start(brokers: 1, ("clicks", 1));
        var config = await RunningNode.ConfigureAsync(_directory, $$"""
            events { type = kafka, bootstrap = "{{kafka.Bootstrap}}", security { protocol = plaintext }, tables { clicks { topic = clicks, format = json } } }
            """, $$"""
            cluster.roles = [ingest, transform, web]
            http { socket-directory = "{{Path.Combine(_directory, "s")}}", access { directory = "{{Path.Combine(_directory, "access")}}", requests-per-second = 100000 } }
            """);
        await using var node = NodeProcess.Start("run", "--config", config);
        await node.WaitForAsync(line => line.Contains("says how it is at", StringComparison.Ordinal));
        var port = int.Parse(Port().Match(node.Messages).Groups[1].Value, CultureInfo.InvariantCulture);
        var token = (await File.ReadAllTextAsync(Path.Combine(_directory, "access", "first.token"), Cancellation)).Trim();
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var producing = ProduceAsync(kafka.Bootstrap, ended.Token);

        // What is compiled at the first time is not what it costs.
        await ListenAsync(node.Id, port, token);
        var costs = new List<double>();
        for (var i = 0; i < 3; i++)
        {
            var without = await ShareAsync(node.Id);
            var (with, heard) = await ListenAsync(node.Id, port, token);
            costs.Add(with - without);
            output.WriteLine($"{100 * without:0.00} % of a core without, {100 * with:0.00} % with {Listeners} listeners, of whom one has heard {heard} events");
            Assert.True(heard >= 4, $"Only {heard} events were heard: nothing was measured.");
        }

        await ended.CancelAsync();
        await producing;
        Assert.InRange(costs.Order().ElementAt(1), double.NegativeInfinity, ShareMax);
    }

    /// <summary>What the node takes while all listen, and how many events one of them was told.</summary>
    private static async Task<(double Share, int Heard)> ListenAsync(int process, int port, string token)
    {
        var sockets = new List<Socket>();
        try
        {
            for (var i = 0; i < Listeners; i++)
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                sockets.Add(socket);
                await socket.ConnectAsync("127.0.0.1", port, Cancellation);
                await socket.SendAsync(Encoding.ASCII.GetBytes($"GET /v1/events/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n"), Cancellation);
                var begun = new StringBuilder();
                while (!begun.ToString().Contains("retry:", StringComparison.Ordinal)) begun.Append(await ReceiveAsync(socket));
                Assert.StartsWith("HTTP/1.1 200", begun.ToString(), StringComparison.Ordinal);
            }

            var share = await ShareAsync(process);
            var heard = new StringBuilder();
            while (sockets[^1].Available > 0) heard.Append(await ReceiveAsync(sockets[^1]));
            return (share, heard.ToString().Split("event: committed").Length - 1);
        }
        finally
        {
            foreach (var socket in sockets) socket.Dispose();
        }
    }

    private static async Task<string> ReceiveAsync(Socket socket)
    {
        var bytes = new byte[4_096];
        var length = await socket.ReceiveAsync(bytes, Cancellation);
        Assert.NotEqual(0, length);
        return Encoding.ASCII.GetString(bytes, 0, length);
    }

    /// <summary>The share of a core that a process takes from now on, for a while.</summary>
    private static async Task<double> ShareAsync(int process)
    {
        var (before, started) = (Ticks(process), TimeProvider.System.GetTimestamp());
        await Task.Delay(Window, Cancellation);
        return (Ticks(process) - before) / TicksPerSecond / TimeProvider.System.GetElapsedTime(started).TotalSeconds;
    }

    /// <summary>In user and system mode: the fields behind the name, which is in parentheses.</summary>
    private static long Ticks(int process)
    {
        var fields = File.ReadAllText($"/proc/{process}/stat").Split(')')[^1].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture);
    }

    private static async Task ProduceAsync(string bootstrap, CancellationToken ended)
    {
        using var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = bootstrap }).Build();
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
        while (!ended.IsCancellationRequested)
        {
            producer.Produce("clicks", new Message<Null, byte[]> { Value = "{\"id\":1}"u8.ToArray() });
            try
            {
                await pace.WaitForNextTickAsync(ended);
            }
            catch (OperationCanceledException) when (ended.IsCancellationRequested)
            {
                // It is told to end.
            }
        }
    }

    [System.Text.RegularExpressions.GeneratedRegex(@"says how it is at http://127\.0\.0\.1:(\d+)")]
    private static partial System.Text.RegularExpressions.Regex Port();
}
