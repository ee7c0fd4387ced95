using System.Diagnostics;
using Akka.Actor;
using Akka.Cluster;
using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Remoting.Tls;

namespace Pipeline.Node.Composition;

/// <summary>What a node measures of itself and of the nodes that it sees. Nothing is measured between looks.</summary>
internal sealed class NodeMeter : IDisposable
{
    /// <summary>The average of a shorter time says more about the look than about the node.</summary>
    private static readonly TimeSpan CpuSpan = TimeSpan.FromSeconds(5);

    private readonly PipelineMeter _meter = new(Instruments.NodeMeter);
    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly Cluster _cluster;
    private (long At, TimeSpan Used, double Busy) _cpu;

    /// <param name="directories">By what the tag calls them.</param>
    /// <param name="certificates">Null: nodes talk in plain text.</param>
    /// <param name="met">Those that sources have met.</param>
    public NodeMeter(ActorSystem system, IReadOnlyDictionary<string, string> directories, NodeCertificates? certificates, KnownCertificates met, TimeProvider time)
    {
        (_time, _cluster) = (time, Cluster.Get(system));
        _cpu = (time.GetTimestamp(), Environment.CpuUsage.TotalTime, 0);
        _meter.Gauge<long>(Instruments.NodeState, Members);
        _meter.Gauge<double>(Instruments.NodeCpu, () => [(Cpu(), [])]);
        _meter.Gauge<long>(Instruments.NodeMemory, Memory);
        _meter.Gauge<long>(Instruments.DiskFree, () => FreeBytes(directories));
        _meter.Gauge<double>(Instruments.CertificateDays, () => Certificates(certificates, met));
    }

    public void Dispose() => _meter.Dispose();

    private IEnumerable<(long, object[])> Members()
    {
        var state = _cluster.State;
        foreach (var member in state.Members)
            yield return (StateOf(member, state.Unreachable.Contains(member)), [$"{member.Address.Host}:{member.Address.Port}"]);
    }

    private static long StateOf(Member member, bool isUnreachable) => member.Status switch
    {
        MemberStatus.Down or MemberStatus.Removed => 4,
        _ when isUnreachable => 3,
        MemberStatus.Leaving or MemberStatus.Exiting => 2,
        MemberStatus.Joining or MemberStatus.WeaklyUp => 1,
        _ => 0,
    };

    /// <summary>Whoever looks in between sees what the one before has seen.</summary>
    private double Cpu()
    {
        lock (_lock)
        {
            var elapsed = _time.GetElapsedTime(_cpu.At);
            var used = Environment.CpuUsage.TotalTime;
            if (elapsed >= CpuSpan) _cpu = (_time.GetTimestamp(), used, (used - _cpu.Used) / elapsed);
            return _cpu.Busy;
        }
    }

    private static IEnumerable<(long, object[])> Memory()
    {
        using var process = Process.GetCurrentProcess();
        var (resident, managed) = (process.WorkingSet64, GC.GetGCMemoryInfo().TotalCommittedBytes);
        return [(resident, ["resident"]), (managed, ["managed"]), (Math.Max(0, resident - managed), ["native"])];
    }

    private static IEnumerable<(long, object[])> FreeBytes(IReadOnlyDictionary<string, string> directories)
    {
        foreach (var (name, directory) in directories)
            if (FreeBytes(directory) is { } bytes) yield return (bytes, [name]);
    }

    /// <summary>A directory that is not there yet will be on the disk of the nearest one above it. Null: that disk does not say.</summary>
    private static long? FreeBytes(string directory)
    {
        var there = Path.GetFullPath(directory);
        while (!Directory.Exists(there)) there = Path.GetDirectoryName(there)!;
        try
        {
            return new DriveInfo(there).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private IEnumerable<(double, object[])> Certificates(NodeCertificates? own, KnownCertificates met)
    {
        if (own is not null)
        {
            yield return (DaysTo(own.Expires), ["node"]);
            yield return (DaysTo(own.AuthorityExpires), ["authority"]);
        }

        foreach (var (name, expires) in met.All.Concat(KnownCertificates.OfProcess.All)) yield return (DaysTo(expires), [name]);
    }

    private double DaysTo(DateTimeOffset expires) => (expires - _time.GetUtcNow()).TotalDays;
}
