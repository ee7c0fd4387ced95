using System.Globalization;

namespace Pipeline.Testing;

/// <summary>What runs beside a test.</summary>
public static class MachineLoad
{
    private const int RunningOfCoreMax = 3;

    /// <summary>More wants to run than a few programs for each core: how long something took says nothing of it. Where the system does not tell: no.</summary>
    public static bool IsHeavy =>
        File.Exists("/proc/loadavg") && double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture) > RunningOfCoreMax * Environment.ProcessorCount;
}
