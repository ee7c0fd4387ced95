namespace Pipeline.Node.Http.Access;

/// <summary>Of a connection by the socket: whose process has made it.</summary>
internal sealed record LocalPeer(uint Uid);
