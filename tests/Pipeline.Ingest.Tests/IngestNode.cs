using Akka.Actor;
using Akka.Cluster;
using Akka.Cluster.Hosting;
using Akka.Configuration;
using Akka.Hosting;
using Akka.Remote.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Testing;

namespace Pipeline.Ingest.Tests;

/// <summary>A node of a cluster that ingests: the real registration on a real cluster, in this process.</summary>
internal sealed class IngestNode : IAsyncDisposable
{
    public static readonly IngestOptions Fast = new()
    {
        FileAgeMax = TimeSpan.FromMilliseconds(100), PositionAgeMax = TimeSpan.FromMilliseconds(300), CommitInterval = TimeSpan.FromMilliseconds(20),
        SplitsInterval = TimeSpan.FromMilliseconds(200), AnswerTimeout = TimeSpan.FromSeconds(2), DrainTimeout = TimeSpan.FromMinutes(10),
        Retry = new RetryPolicy { BackoffMin = TimeSpan.FromMilliseconds(20), BackoffMax = TimeSpan.FromMilliseconds(500), AttemptsMax = 4 },
    };

    private readonly IHost _host;

    private IngestNode(IHost host)
    {
        _host = host;
        System = host.Services.GetRequiredService<ActorSystem>();
        Monitor = ActorRegistry.For(System).Get<IngestMonitorActor>();
    }

    public ActorSystem System { get; }

    public IActorRef Monitor { get; }

    public Address Address => Cluster.Get(System).SelfAddress;

    /// <summary>Starts a node; the first of a cluster when no seed is given.</summary>
    public static async Task<IngestNode> StartAsync(Lake lake, IReadOnlyList<ISource> sources, IngestOptions? options = null, Address? seed = null)
    {
        var settings = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "hocon", "akka.conf"));
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Logging.ClearProviders();
        builder.Services.AddAkka("pipeline", akka => akka
            .AddHocon(ConfigurationFactory.ParseString(settings), HoconAddMode.Prepend)
            .AddHocon("akka.coordinated-shutdown.run-by-actor-system-terminate = off, akka.coordinated-shutdown.phases.before-cluster-shutdown.timeout = 11m, akka.loglevel = WARNING, akka.stdout-loglevel = OFF", HoconAddMode.Prepend)
            .WithRemoting("127.0.0.1", 0)
            .WithClustering(new ClusterOptions { Roles = [IngestRegistration.Role] })
            .WithIngest(options ?? Fast, lake, sources, OutageWatch.Silent(TimeProvider.System), TimeProvider.System));
        var host = builder.Build();
        await host.StartAsync();
        var node = new IngestNode(host);
        await Cluster.Get(node.System).JoinAsync(seed ?? node.Address, TestContext.Current.CancellationToken).WaitAsync(Deadlines.Test);
        return node;
    }

    public Task<IngestStatus> StatusAsync() => Monitor.Ask<IngestStatus>(new GetIngestStatus(), Deadlines.Test);

    /// <summary>Waits until the status is as wished; fails with the last one seen.</summary>
    public async Task<IngestStatus> UntilAsync(Func<IngestStatus, bool> isReached)
    {
        var deadline = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var status = await StatusAsync();
            if (isReached(status)) return status;
            if (TimeProvider.System.GetElapsedTime(deadline) > Deadlines.Test)
                Assert.Fail("Not reached: " + string.Join("; ", status.Tables.Select(table => table.ToString())));
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Ends the node without a word to anybody: no draining, no leaving.</summary>
    public async Task KillAsync()
    {
        await System.Terminate();
        _host.Dispose();
    }

    /// <summary>Ends the node as SIGTERM does.</summary>
    public async Task ShutDownAsync()
    {
        await CoordinatedShutdown.Get(System).Run(CoordinatedShutdown.ClrExitReason.Instance);
        await System.WhenTerminated.WaitAsync(Deadlines.Test);
    }

    public async ValueTask DisposeAsync()
    {
        if (!System.WhenTerminated.IsCompleted) await System.Terminate();
        _host.Dispose();
    }
}
