using System.Globalization;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Transform.Jobs.Remote;

/// <summary>What lies in the artifacts of one run.</summary>
internal sealed record RunArtifacts(TableId Table, long Run, List<ObjectInfo> Objects)
{
    /// <summary>The run that an object belongs to; null: it is no run's.</summary>
    public static (TableId Table, long Run)? TryRunOf(string path)
    {
        if (path.Split('/') is not ["silver" or "gold", { Length: > 0 } name, var number, { Length: > 0 }]) return null;
        return long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var run) ? (TableId.Parse($"{path[..path.IndexOf('/', StringComparison.Ordinal)]}/{name}"), run) : null;
    }
}
