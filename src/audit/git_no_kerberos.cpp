// libgit2 as Debian builds it can log in to web servers with Kerberos, and calls GSSAPI for that, of which
// there is no static library. We use no network at all: these stand in its place so that it can be linked,
// and say GSS_S_FAILURE. They are hidden, so that no library that really speaks GSSAPI ever meets them.

#define MESHOPS_NO_GSSAPI(name) \
  extern "C" __attribute__((visibility("hidden"))) unsigned name() { return 13U << 16U; }

MESHOPS_NO_GSSAPI(gss_delete_sec_context)
MESHOPS_NO_GSSAPI(gss_display_status)
MESHOPS_NO_GSSAPI(gss_import_name)
MESHOPS_NO_GSSAPI(gss_indicate_mechs)
MESHOPS_NO_GSSAPI(gss_init_sec_context)
MESHOPS_NO_GSSAPI(gss_release_buffer)
MESHOPS_NO_GSSAPI(gss_release_name)
MESHOPS_NO_GSSAPI(gss_release_oid_set)
MESHOPS_NO_GSSAPI(gss_test_oid_set_member)

extern "C" {
extern __attribute__((visibility("hidden"))) void* GSS_C_NT_HOSTBASED_SERVICE;
void* GSS_C_NT_HOSTBASED_SERVICE = nullptr;
}

namespace meshops::audit {

/// Called by who uses libgit2, so that the linker takes this file.
void without_kerberos();
void without_kerberos() {}

}  // namespace meshops::audit
