/* vendor_wrap makes a module's functions behave as the vendor's do, where that is asked
 * for: see vendor.c. */
void vendor_wrap(CK_FUNCTION_LIST_PTR list);
