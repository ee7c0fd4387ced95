namespace Pipeline.Node.Http.Access;

/// <summary>What is known of a request before it is answered.</summary>
/// <param name="Needed">By what it asks for.</param>
/// <param name="IsLocal">It came by the socket, as <paramref name="Caller"/> says from whom.</param>
/// <param name="IsWeb">The node answers operators over the network.</param>
/// <param name="IsLoopback">Only this machine reaches the address that it came to.</param>
/// <param name="IsReading">Its method changes nothing.</param>
/// <param name="HostIsOwn">It was sent to a name or address of this node.</param>
/// <param name="IsSameOrigin">The page that sent it is this node's; null: no page did, as far as it says.</param>
/// <param name="FetchSite">What the browser says of where it comes from; null: nothing, as programs do.</param>
/// <param name="BodyIsJson">Null: it has none.</param>
/// <param name="Caller">Null: it shows nothing that is good.</param>
internal sealed record AccessQuestion(ApiAccess Needed, bool IsLocal, bool IsWeb, bool IsLoopback, bool IsReading, bool HostIsOwn, bool? IsSameOrigin, string? FetchSite, bool? BodyIsJson, Caller? Caller);
